/** A watch that tells what a test wants, and then waits until it is closed. */
import type { Notice, Watch } from '../../server/engine/contract.ts';

type Answer = Awaited<ReturnType<Watch['next']>>;

export class Scripted implements Watch {
  readonly position = 'here';
  readonly closed: Promise<void>;
  close = () => {};
  isClosed = false;
  /** How often it was asked. */
  asked = 0;
  readonly #answers: Answer[];

  constructor(...answers: (Notice | Answer)[]) {
    this.#answers = answers.map((one) =>
      one !== null && typeof one === 'object' && 'kind' in one ? [one] : one,
    );
    this.closed = new Promise((resolve) => {
      this.close = () => {
        this.isClosed = true;
        resolve();
      };
    });
  }

  async next() {
    this.asked += 1;
    const answer = this.#answers.shift();
    if (answer !== undefined) return answer;
    await this.closed;
    return null;
  }
}
