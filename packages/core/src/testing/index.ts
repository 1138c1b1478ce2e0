export { HandClock, settle } from './hand-clock.js';
export { RecordingLogger } from './recording-logger.js';
export { SeededRandom } from './seeded-random.js';
export { until } from './until.js';
export { WatchedLeases } from './watched-leases.js';
