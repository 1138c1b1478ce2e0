import process from 'node:process';
import { overlayd } from './overlayd.js';

// Nothing that is left open may keep a process alive that was told to end.
void overlayd(process.argv.slice(2), process.env).then((code) => process.exit(code));
