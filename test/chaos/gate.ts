/** Where a call is held: `inside` resolves when the first has come, and all go on when it is opened. */
export function newGate() {
  let enter = () => {};
  let open = () => {};
  const inside = new Promise<void>((resolve) => {
    enter = resolve;
  });
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pass = () => {
    enter();
    return opened;
  };
  return { inside, open, pass };
}
