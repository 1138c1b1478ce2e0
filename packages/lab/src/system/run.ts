import { spawn } from 'node:child_process';
import { abortError, OverlayError, throwIfAborted } from '@overlay/core';

/** How a program is run to its end. */
export interface RunOptions {
  /** What it reads on its standard input; without it, nothing. */
  readonly input?: string;
  /** Its environment; default this process's own. */
  readonly env?: NodeJS.ProcessEnv;
  /** Kills it. */
  readonly signal?: AbortSignal;
  /** False: an exit code other than 0 is a result, no error. Default true. */
  readonly check?: boolean;
}

/** What a program left behind. */
export interface RunResult {
  /** The exit code; 128 and the signal's number are not computed, a killed program has -1. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function commandText(argv: readonly string[]): string {
  return argv.join(' ');
}

/**
 * Runs a program to its end.
 *
 * @throws OverlayError `OVERLAY_LAB_COMMAND` when it cannot be started, or ends with another code than 0 (unless
 * `check` is false); `OVERLAY_ABORTED` when the signal came first.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, ...args] = argv;
  const { input, env, signal, check = true } = options;
  if (program === undefined) throw new TypeError('run: no program given');
  throwIfAborted(commandText(argv), signal);
  return await new Promise<RunResult>((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    const onAbort = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', onAbort, { once: true });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    // A program that ends without reading its input makes the pipe fail; its exit code tells more.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    child.once('error', (cause) => {
      signal?.removeEventListener('abort', onAbort);
      reject(new OverlayError('OVERLAY_LAB_COMMAND', `run ${commandText(argv)}: ${cause.message}`, { cause }));
    });
    child.once('close', (code) => {
      signal?.removeEventListener('abort', onAbort);
      if (signal?.aborted) {
        reject(abortError(commandText(argv), signal));
      } else if (check && code !== 0) {
        const why = stderr.trim().split('\n').slice(-3).join(' | ') || stdout.trim().split('\n').at(-1);
        reject(new OverlayError('OVERLAY_LAB_COMMAND', `run ${commandText(argv)}: exit code ${code}: ${why}`));
      } else {
        resolve({ code: code ?? -1, stdout, stderr });
      }
    });
  });
}
