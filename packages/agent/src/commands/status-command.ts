import { errorCode, errorText, OverlayError, systemClock } from '@overlay/core';
import type { FlatReport } from '../report/host-report.js';
import { ask, EXIT_NO_AGENT } from './ask.js';
import type { Command } from './command.js';
import { agentFlags, commandSwitch } from './read-flags.js';
import { statusText } from './status-text.js';

const EXIT_NOT_READY = 1;
/** How long the agent may take to say how it is, in milliseconds. */
const ANSWER_MS = 5000;

/** `overlay status`. */
export const statusCommand: Command = {
  name: 'overlay status',
  description: 'Says how the agent of this host is, and what is wrong with what to do about it.',
  flags: [commandSwitch('json', 'say everything, as one JSON object'), ...agentFlags('instance', 'run-dir', 'help')],
  notes: 'Exit codes: 0 ready, 1 not ready, 2 no agent runs here, 64 a wrong command line.',
  async run(flags, { output }) {
    let report: FlatReport;
    try {
      report = asReport(await ask({ do: 'status' }, flags, ANSWER_MS));
    } catch (error) {
      if (errorCode(error) !== 'OVERLAY_AGENT_ABSENT') throw error;
      if (flags.isOn('json')) output.out(`${JSON.stringify({ phase: 'absent', reason: errorText(error) })}\n`);
      output.err(`overlay status: ${errorText(error)}\n`);
      return EXIT_NO_AGENT;
    }
    output.out(
      flags.isOn('json') ? `${JSON.stringify(report, undefined, 2)}\n` : statusText(report, systemClock.now()),
    );
    return report.readiness?.ready === true ? 0 : EXIT_NOT_READY;
  },
};

function asReport(answer: unknown): FlatReport {
  const looksLikeOne = typeof answer === 'object' && answer !== null && 'phase' in answer && 'program' in answer;
  if (looksLikeOne) return answer as FlatReport;
  throw new OverlayError('OVERLAY_AGENT_SILENT', 'the agent answered something else than its status');
}
