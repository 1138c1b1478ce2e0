import process from 'node:process';
import { describe } from '@jest/globals';

/** `describe` for tests that make network namespaces; without root they are skipped, which the run shows by name. */
export const describeKernel = process.geteuid?.() === 0 ? describe : describe.skip;
