import { errorCode, errorText } from '@overlay/core';
import type { ApplyOutcome } from '../control/protocol.js';
import { goDuration } from '../flags/go-values.js';
import { ask, EXIT_NO_AGENT } from './ask.js';
import type { Command } from './command.js';
import { agentFlags } from './read-flags.js';

/** `overlay apply`. */
export const applyCommand: Command = {
  name: 'overlay apply',
  description:
    'Has the agent of this host take the configuration that is pending because it moves traffic, and waits until it has.',
  flags: [
    { name: 'timeout', kind: 'duration', fallback: '60s', help: 'how long to wait; the agent goes on after that' },
    ...agentFlags('instance', 'run-dir', 'help'),
  ],
  notes: 'Exit codes: 0 taken, or none is pending, 1 refused, 2 no agent runs here, 64 a wrong command line.',
  async run(flags, { output }) {
    let answer: ApplyOutcome;
    try {
      answer = (await ask({ do: 'apply' }, flags, goDuration(flags.text('timeout')) ?? 0)) as ApplyOutcome;
    } catch (error) {
      const absent = errorCode(error) === 'OVERLAY_AGENT_ABSENT';
      const more = errorCode(error) === 'OVERLAY_AGENT_SILENT' ? '; it may still be at it: see overlay status' : '';
      output.err(`overlay apply: ${errorText(error)}${more}\n`);
      return absent ? EXIT_NO_AGENT : 1;
    }
    switch (answer.outcome) {
      case 'taken':
        for (const change of answer.changes) output.out(`taken: ${change}\n`);
        return 0;
      case 'none':
        output.out('no configuration is pending\n');
        return 0;
      case 'refused':
        output.err(`overlay apply: refused, and the configuration before stays: ${answer.reason}\n`);
        return 1;
    }
  },
};
