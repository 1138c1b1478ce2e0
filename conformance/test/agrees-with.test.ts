import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ReportWish } from '@overlay/conformance';
import { TestSequence } from '@overlay/conformance';
import { backendConformance } from '@overlay/conformance/backend';
import { conformance } from './fixtures/memory-subject.js';

const ONLY = ['declares', 'peer-removed'];
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'overlay-agrees-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(subject: (typeof conformance)[number], report: ReportWish): Promise<void> {
  const framework = new TestSequence();
  backendConformance({ ...subject, framework, profiles: ['Core'], only: ONLY, report });
  await framework.run();
}

test('a run that must agree with a report fails at its end when a test ends otherwise, and names it', async () => {
  const [good, bad] = conformance;
  const kept = path.join(folder, 'kept.yaml');
  await run(good, { path: kept });
  await run(good, { agreesWith: kept });
  await expect(run({ ...bad, mode: 'default' }, { agreesWith: kept })).rejects.toThrow(
    /what changed since .*kept\.yaml/,
  );
  await expect(run(good, { agreesWith: path.join(folder, 'none.yaml') })).rejects.toThrow(/ENOENT/);
});
