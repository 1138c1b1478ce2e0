export { HandClock, settle } from './hand-clock.js';
export { RecordingLogger } from './recording-logger.js';
export { until } from './until.js';
export { WatchedLeases } from './watched-leases.js';
