import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { removeLabs } from '@overlay/lab';
import { processStartTime } from '../../dist/system/processes.js';

/**
 * A folder for the labs of this test process: `down` may so be tried without removing somebody else's lab. The labs of a
 * test process that was killed midway are removed first, since no lab outside looks into these folders.
 */
export async function openRunDirectory(name: string): Promise<string> {
  const pattern = /^overlay-lab-test-(\d+)-(\d+)-/;
  for (const entry of readdirSync(tmpdir())) {
    const [, pid, startTime] = pattern.exec(entry) ?? [];
    if (pid === undefined || processStartTime(Number(pid)) === startTime) continue;
    await removeLabs(path.join(tmpdir(), entry));
    rmSync(path.join(tmpdir(), entry), { recursive: true, force: true });
  }
  const own = `overlay-lab-test-${process.pid}-${processStartTime(process.pid) ?? 0}-${name}`;
  mkdirSync(path.join(tmpdir(), own));
  return path.join(tmpdir(), own);
}
