export type { Subject } from './subject.js';
export { loadSubject } from './subject.js';
export type { Round, ScaleOptions, ScaleReport } from './scale/scale.js';
export { benchScale } from './scale/scale.js';
export { runMeasured } from './scale/measured.js';
export type { Sustained } from './scale/sustain.js';
