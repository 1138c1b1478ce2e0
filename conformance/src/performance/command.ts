import { spawn } from 'node:child_process';
import { abortError, OverlayError, throwIfAborted } from '@overlay/core';

/** How a program is run. */
export interface CommandOptions {
  /** What it reads on its standard input. */
  readonly input?: string;
  readonly signal: AbortSignal;
}

/**
 * Runs a program to its end and gives what it printed.
 *
 * @throws OverlayError `OVERLAY_BENCH_COMMAND` when it fails, with the end of what it said; `OVERLAY_ABORTED`.
 */
export async function command(argv: readonly string[], { input, signal }: CommandOptions): Promise<string> {
  const what = argv.join(' ').slice(0, 200);
  throwIfAborted(what, signal);
  const [program = '', ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const kill = (): void => void child.kill('SIGKILL');
    signal.addEventListener('abort', kill, { once: true });
    const output: Buffer[] = [];
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
    // A program that ends without reading everything makes the pipe fail; its exit code tells more.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const fail = (why: string, cause?: unknown): void => {
      reject(new OverlayError('OVERLAY_BENCH_COMMAND', `run ${what}: ${why}`, { cause }));
    };
    child.once('error', (error) => fail(error.message, error));
    child.once('close', (code) => {
      signal.removeEventListener('abort', kill);
      if (signal.aborted) reject(abortError(what, signal));
      else if (code === 0) resolve(Buffer.concat(output).toString('utf8'));
      else fail(`exit code ${code}: ${said.trim().split('\n').slice(-3).join(' | ')}`);
    });
  });
}
