/** The colours of the system, or others that the reader wants and this browser remembers. */

const NEXT: Readonly<Record<string, string>> = { '': 'light', light: 'dark', dark: '' };
const SAYS: Readonly<Record<string, string>> = { '': 'of the system', light: 'light', dark: 'dark' };

export function chooseTheme(): void {
  const button = document.querySelector<HTMLButtonElement>('#theme');
  const said = button?.querySelector('span');
  const { dataset } = document.documentElement;
  const show = () => {
    if (said) said.textContent = SAYS[dataset.theme ?? ''] ?? '';
  };
  button?.addEventListener('click', () => {
    const theme = NEXT[dataset.theme ?? ''] ?? '';
    dataset.theme = theme;
    show();
    try {
      localStorage.setItem('theme', theme);
    } catch {
      // It is as wanted until the next page.
    }
  });
  show();
}
