/** The URL of a path of the coordinator, wherever a proxy has put it: this script lies in its `assets/`. */
export function ownUrl(path: string): URL {
  return new URL(`../${path}`, import.meta.url);
}
