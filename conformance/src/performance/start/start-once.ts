import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync, readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { OverlayError } from '@overlay/core';
import { memoryOf } from '../memory.js';

/** How long an agent may take, in milliseconds. */
const LIMIT_MS = 20_000;

/**
 * Milliseconds between two looks. The agent is only asked once subnet.env is there, without which it cannot be ready:
 * questions would take their time from its start.
 */
const LOOK_MS = 1;

/** Processor time is counted in hundredths of a second by the kernel (USER_HZ). */
const TICK_MS = 10;

/** What is started and how. */
export interface StartOrder {
  /** Program and arguments. */
  readonly argv: readonly string[];
  readonly logFile: string;
  readonly subnetFile: string;
  /** Where it answers `/readyz` on 127.0.0.1. */
  readonly port: number;
  /** Seconds to leave it alone for before its memory is read; 0: it is not. */
  readonly idleSeconds: number;
}

/** One start. */
export interface Start {
  /** Milliseconds from before the fork until `/readyz` has answered 200. */
  readonly readyMs: number;
  /** The same until subnet.env was there. */
  readonly subnetEnvMs: number;
  /** Processor time of the agent until then, of all its threads; the kernel counts it in steps of 10 ms. */
  readonly cpuMs: number;
  /** Resident and anonymous memory in bytes, after being left alone. */
  readonly idle?: { readonly resident: number; readonly anonymous: number };
}

/**
 * Starts an agent in the network namespace of this process, asks it until it is ready, and ends it.
 *
 * @throws OverlayError `OVERLAY_BENCH_FAILED` with its last words when it ends instead, or is not ready in time.
 */
export async function startOnce(order: StartOrder): Promise<Start> {
  const log = openSync(order.logFile, 'a');
  const began = performance.now();
  const epoch = Date.now();
  // setpriv becomes the agent; with it the kernel ends the agent when this process is killed.
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...order.argv], { stdio: ['ignore', log, log] });
  const ended = once(child, 'exit').catch((error: unknown) => error);
  closeSync(log);
  try {
    while (!existsSync(order.subnetFile) || !(await isReady(order.port))) {
      if (child.exitCode !== null || child.pid === undefined) throw failed('it has ended', order);
      if (performance.now() - began > LIMIT_MS) throw failed(`it is not ready after ${LIMIT_MS} ms`, order);
      await delay(LOOK_MS);
    }
    const readyMs = performance.now() - began;
    const pid = pidOf(child);
    const cpuMs = cpuOf(pid);
    const subnetEnvMs = statSync(order.subnetFile).mtimeMs - epoch;
    if (order.idleSeconds === 0) return { readyMs, subnetEnvMs, cpuMs };
    await delay(1000 * order.idleSeconds);
    const { resident, anonymous } = memoryOf(pid);
    return { readyMs, subnetEnvMs, cpuMs, idle: { resident, anonymous } };
  } finally {
    child.kill('SIGTERM');
    await ended;
  }
}

function pidOf({ pid }: ChildProcess): number {
  if (pid === undefined) throw new OverlayError('OVERLAY_BENCH_FAILED', 'benchmark: the agent could not be started');
  return pid;
}

/** Whether `/readyz` says 200; false while nobody listens. */
function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host: '127.0.0.1', port });
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write('GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n'));
    socket.on('data', (part: string) => (text += part));
    // Refused: close follows.
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text.startsWith('HTTP/1.1 200 ')));
  });
}

/** Fields 14 and 15 of /proc/PID/stat (proc(5)); the name in the second one may hold blanks. */
function cpuOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return TICK_MS * (Number(fields[11]) + Number(fields[12]));
}

function failed(why: string, { argv, logFile }: StartOrder): OverlayError {
  const words = readFileSync(logFile, 'utf8').trim().split('\n').slice(-5).join(' | ');
  return new OverlayError('OVERLAY_BENCH_FAILED', `benchmark: start ${argv.join(' ')}: ${why}: ${words}`);
}
