// A program of its own: runs an agent on the machine's clock, stops it in the phase named by the argument, and then has
// nothing left to do. That it ends is what the test looks at.
import { peers, World } from './world.js';
import { systemClock } from '@overlay/core';

const phase = process.argv[2];
const world = new World({ clock: systemClock }, { leases: peers(10) });
if (phase === 'opening') world.backend.openFailures = 1_000;
if (phase === 'hanging') world.backend.closing = () => new Promise(() => undefined);
await world.agent.start();
if (phase !== 'opening') await world.agent.ready();
if (phase === 'doubting') world.store.replace([]);
const before = performance.now();
await world.agent.stop();
process.stdout.write(JSON.stringify({ stopMs: performance.now() - before }));
