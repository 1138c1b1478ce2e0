import { readFile } from 'node:fs/promises';
import { errorCode, errorText, OverlayError } from '@overlay/core';
import { diffReports } from '../report/diff.js';
import { parseReport } from '../report/read.js';
import type { Report } from '../report/report.js';
import { parseArguments } from './arguments.js';
import type { CommandIo } from './command-io.js';
import { INTERRUPTED, listTests, runSuite } from './run.js';

const WRONG_USE = 2;

/** `overlay-conformance` with these words after it. Gives the exit code; whatever is wrong with the words is one line. */
export async function conformanceCommand(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    const args = parseArguments(argv);
    switch (args.action) {
      case 'help':
        io.stdout.write(args.text);
        return 0;
      case 'diff':
        return await diff(args.files, io);
      case 'list':
        return await listTests(args, io);
      case 'run':
        return await runSuite(args, io);
    }
  } catch (error) {
    io.stderr.write(`overlay-conformance: ${errorText(error)}\n`);
    return errorCode(error) === 'OVERLAY_ABORTED' && io.signal?.aborted ? INTERRUPTED : WRONG_USE;
  }
}

async function diff([before, after]: readonly [string, string], { stdout }: CommandIo): Promise<number> {
  const differences = diffReports(await load(before), await load(after));
  for (const line of differences) stdout.write(`${line}\n`);
  return differences.length === 0 ? 0 : 1;
}

async function load(file: string): Promise<Report> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new OverlayError('OVERLAY_REPORT_INVALID', `${file}: cannot be read: ${errorText(error)}`, { cause: error });
  }
  return parseReport(text, file);
}
