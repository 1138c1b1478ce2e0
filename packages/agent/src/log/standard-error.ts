import { writeSync } from 'node:fs';
import process from 'node:process';
import { errorCode } from '@overlay/core';

const STDERR = 2;

/**
 * Writes to standard error before it returns, so that nothing is lost however the process ends. Node's own stream does
 * the same for files and pipes, but takes some milliseconds of the start to make.
 */
export function writeStandardError(text: string): void {
  let rest = Buffer.from(text);
  try {
    while (rest.length > 0) rest = rest.subarray(writeSync(STDERR, rest));
  } catch (error) {
    // A reader that is slow, where somebody has made the pipe non-blocking: the stream waits for it.
    if (errorCode(error) === 'EAGAIN') process.stderr.write(rest);
    // A log that nobody can read any more is no reason to end.
  }
}
