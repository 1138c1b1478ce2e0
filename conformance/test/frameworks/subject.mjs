// What the runs of every framework here have in common: what is tested, and where the report goes.
import process from 'node:process';
import { conformance } from '../../test-dist/fixtures/memory-subject.js';

const { OVERLAY_MODE: mode, OVERLAY_REPORT: path } = process.env;

/** The options of a run, but for the framework. */
export const run = {
  ...conformance.find((subject) => (subject.mode ?? 'default') === mode),
  profiles: ['Core'],
  report: { path },
};
