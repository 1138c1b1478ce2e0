import { execFile } from 'node:child_process';
import { abortError, errorCode, errorText, OverlayError } from '@overlay/core';

/** What a program that ran to its end left. */
export interface ToolResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a system program with arguments, without a shell. Undefined if there is no such program on this host.
 *
 * @throws OverlayError `OVERLAY_ABORTED`; `OVERLAY_TOOL_FAILED` when it is ended by a signal, takes more than 5 s, or says
 *   more than can be meant.
 */
export type RunTool = (
  program: string,
  args: readonly string[],
  options: { readonly signal: AbortSignal },
) => Promise<ToolResult | undefined>;

/** The exit code of a shell, and of nsenter, for a program that there is not. */
const NO_PROGRAM = 127;

/** More than the chains of any host. */
const MOST_OUTPUT = 16 * 1024 * 1024;

/** In milliseconds. A tool that waits for a lock of the firewall must not keep the preflight waiting. */
const TIMEOUT_MS = 5000;

/** An agent that is started by systemd or a container may lack the folders of system programs. */
const SYSTEM_PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

/** Runs programs in the network namespace of this process. */
export const runTool: RunTool = (program, args, { signal }) =>
  new Promise((resolve, reject) => {
    const path = process.env['PATH'] ? `${process.env['PATH']}:${SYSTEM_PATH}` : SYSTEM_PATH;
    execFile(
      program,
      [...args],
      { signal, timeout: TIMEOUT_MS, maxBuffer: MOST_OUTPUT, encoding: 'utf8', env: { PATH: path, LC_ALL: 'C' } },
      (error, stdout, stderr) => {
        if (error === null) resolve({ exitCode: 0, stdout, stderr });
        else if (errorCode(error) === 'ENOENT') resolve(undefined);
        else if (typeof error.code === 'number') resolve({ exitCode: error.code, stdout, stderr });
        else if (signal.aborted) reject(abortError(`run ${program}`, signal));
        else {
          reject(
            new OverlayError('OVERLAY_TOOL_FAILED', `${program} did not come to its end: ${errorText(error)}`, {
              cause: error,
            }),
          );
        }
      },
    );
  });

/**
 * Runs programs in another network namespace, by nsenter(1) of util-linux.
 *
 * @param netns path of the namespace: `/run/netns/h1`.
 */
export function netnsRunTool(netns: string): RunTool {
  return async (program, args, options) => {
    const result = await runTool('nsenter', [`--net=${netns}`, '--', program, ...args], options);
    return result?.exitCode === NO_PROGRAM ? undefined : result;
  };
}
