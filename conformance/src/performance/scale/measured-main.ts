// The measured process of a subject whose module is the argument.
import process from 'node:process';
import { loadSubject } from '../subject.js';
import { runMeasured } from './measured.js';

await runMeasured(await loadSubject(process.argv[2] ?? ''));
