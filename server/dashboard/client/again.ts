/** A page that goes on by itself, whatever happens to sagas, says after how many milliseconds it is to be asked for again. */
import { refresh } from './refresh.ts';

export function askAgain(): void {
  let timer: number | undefined;
  const plan = () => {
    clearTimeout(timer);
    const { again } = document.querySelector<HTMLElement>('[data-again]')?.dataset ?? {};
    if (again !== undefined) timer = setTimeout(ask, Number(again));
  };
  const ask = () => {
    if (document.visibilityState === 'visible') void refresh().finally(plan);
    else plan();
  };
  document.addEventListener('refreshed', plan);
  plan();
}
