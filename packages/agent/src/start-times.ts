import process from 'node:process';

/** How far the start was when, for `--log-level=debug`. Milliseconds since the process began, as the kernel counts it. */
export class StartTimes {
  readonly #marks: string[] = [];

  mark(what: string): void {
    this.#marks.push(`${what} ${performance.now().toFixed(0)}`);
  }

  /** All marks with the last one. */
  finish(what: string): string {
    this.mark(what);
    const { user, system } = process.cpuUsage();
    const cpu = ((user + system) / 1000).toFixed(0);
    return `start-up, in ms since exec: ${this.#marks.join(', ')} (${cpu} ms of processor time in all)`;
  }
}
