// Every lint rule bites: a small repository with one wrong file for each of them is linted with the real configuration.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

const root = path.resolve(import.meta.dirname, '..', '..');

const manifests = {
  'packages/core': { name: '@overlay/core', dependencies: { rxjs: '*' }, peerDependencies: { tsyringe: '*' } },
  'packages/linux': {
    name: '@overlay/linux',
    dependencies: { netlink: '*', commander: '*' },
    peerDependencies: { '@overlay/core': '*' },
  },
  'packages/subnet-local': {
    name: '@overlay/subnet-local',
    peerDependencies: { '@overlay/core': '*', '@overlay/linux': '*' },
  },
  'packages/backend-vxlan': {
    name: '@overlay/backend-vxlan',
    dependencies: { '@overlay/linux': '*' },
    peerDependencies: { '@overlay/core': '*' },
    devDependencies: { '@overlay/conformance': '*', 'fast-check': '*' },
  },
  'packages/agent': { name: '@overlay/agent', dependencies: { '@overlay/backend-vxlan': '*', pino: '*' } },
  'packages/unknown': { name: '@overlay/unknown', dependencies: { rxjs: '*' } },
  'examples/mine': { name: 'mine', private: true, dependencies: { '@overlay/core': '*', rxjs: '*' } },
};

/** File, its text, and the rule that must report it; undefined where nothing may be reported. */
const cases = [
  // The dependency table.
  ['packages/core/src/linux.ts', `import { a } from '@overlay/linux';\nexport const b = a;`, 'overlay/house-imports'],
  ['packages/core/src/io.ts', `import { a } from 'node:fs';\nexport const b = a;`, 'overlay/house-imports'],
  ['packages/core/src/io-type.ts', `import type { a } from 'node:net';\nexport type B = a;`, 'overlay/house-imports'],
  ['packages/core/src/rx.ts', `import { a } from 'rxjs';\nexport const b = a;`, undefined],
  ['packages/core/src/reflect.ts', `import 'reflect-metadata';`, 'overlay/house-imports'],
  ['packages/linux/src/core.ts', `import { a } from '@overlay/core';\nexport const b = a;`, undefined],
  ['packages/linux/src/netlink.ts', `import { a } from 'netlink/dist/a.js';\nexport const b = a;`, undefined],
  ['packages/linux/src/commander.ts', `import { a } from 'commander';\nexport const b = a;`, 'overlay/house-imports'],
  ['packages/linux/src/undeclared.ts', `import { a } from 'rxjs';\nexport const b = a;`, 'overlay/house-imports'],
  ['packages/linux/src/backend.ts', `export { a } from '@overlay/backend-vxlan';`, 'overlay/house-imports'],
  ['packages/linux/src/bare.ts', `import { a } from 'fs';\nexport const b = a;`, 'overlay/house-imports'],
  ['packages/linux/src/guard.ts', `export { a } from '@overlay/core/container';`, 'overlay/house-imports'],
  [
    'packages/linux/src/outside.ts',
    `import { a } from '../../core/src/index.js';\nexport const b = a;`,
    'overlay/house-imports',
  ],
  [
    'packages/subnet-local/src/linux.ts',
    `import type { A } from '@overlay/linux';\nexport type B = A;`,
    'overlay/house-imports',
  ],
  ['packages/subnet-local/src/dynamic.ts', `export const b = () => import('@overlay/linux');`, 'overlay/house-imports'],
  ['packages/subnet-local/src/inline.ts', `export type B = import('@overlay/linux').A;`, 'overlay/house-imports'],
  [
    'packages/backend-vxlan/src/tool.ts',
    `import { a } from '@overlay/conformance';\nexport const b = a;`,
    'overlay/house-imports',
  ],
  [
    'packages/backend-vxlan/test/suite.test.ts',
    `import { a } from '@overlay/conformance';\nexport const b = a;`,
    undefined,
  ],
  [
    'packages/backend-vxlan/test/own.test.ts',
    `import { a } from '@overlay/backend-vxlan';\nexport const b = a;`,
    undefined,
  ],
  ['packages/agent/src/backend.ts', `import { a } from '@overlay/backend-vxlan';\nexport const b = a;`, undefined],
  ['packages/agent/src/logger.ts', `import { a } from 'pino';\nexport const b = a;`, undefined],
  ['packages/unknown/src/rx.ts', `import { a } from 'rxjs';\nexport const b = a;`, 'overlay/house-imports'],
  ['examples/mine/src/core.ts', `import { a } from '@overlay/core';\nexport const b = a;`, undefined],
  ['examples/mine/src/secret.ts', `import { a } from '@overlay/secret';\nexport const b = a;`, 'overlay/house-imports'],
  // Cycles.
  ['packages/core/src/one.ts', `import { two } from './two.js';\nexport const one = () => two;`, 'overlay/no-cycle'],
  [
    'packages/core/src/two.ts',
    `import type { one } from './one.js';\nexport type Two = typeof one;`,
    'overlay/no-cycle',
  ],
  ['packages/core/src/three.ts', `import type { Two } from './two.js';\nexport type Three = Two;`, undefined],
  // Exports, promises, type imports, printing.
  ['packages/core/src/star.ts', `export * from './rx.js';`, 'no-restricted-syntax'],
  ['packages/core/src/default.ts', `export default 1;`, 'no-restricted-syntax'],
  ['packages/core/src/as-default.ts', `const a = 1;\nexport { a as default };`, 'no-restricted-syntax'],
  [
    'packages/core/src/float.ts',
    `export function f() {\n  Promise.resolve(1);\n}`,
    '@typescript-eslint/no-floating-promises',
  ],
  [
    'packages/core/src/misused.ts',
    `export const f = (a: number[]) => a.forEach(async () => Promise.resolve());`,
    '@typescript-eslint/no-misused-promises',
  ],
  [
    'packages/core/src/type-import.ts',
    `import { Two } from './two.js';\nexport type A = Two;`,
    '@typescript-eslint/consistent-type-imports',
  ],
  ['packages/linux/src/print.ts', `console.log('hello');`, 'no-console'],
  ['packages/agent/src/cli/print.ts', `console.log('hello');`, undefined],
  // Sleeps in tests.
  [
    'packages/linux/test/sleep.test.ts',
    `export const f = () => new Promise((done) => setTimeout(done, 100));`,
    'overlay/no-sleep',
  ],
  [
    'packages/linux/test/sleep-arrow.test.ts',
    `export const f = () => new Promise<void>((done) => { setTimeout(() => done(), 100); });`,
    'overlay/no-sleep',
  ],
  [
    'packages/linux/test/sleep-promised.test.ts',
    `import { setTimeout as pause } from 'node:timers/promises';\nawait pause(5);`,
    'overlay/no-sleep',
  ],
  [
    'packages/linux/test/sleep-repeated.test.ts',
    `import { setTimeout as pause } from 'node:timers/promises';\nfor (let i = 0; i < 3; i++) await pause(5);`,
    'overlay/no-sleep',
  ],
  [
    'packages/linux/test/poll.test.ts',
    `import { setTimeout as pause } from 'node:timers/promises';
export async function until(holds: () => boolean) {
  while (!holds()) await pause(5);
}`,
    undefined,
  ],
  [
    'packages/linux/test/deadline.test.ts',
    `export const late = () => new Promise((_, fail) => setTimeout(() => fail(new Error('late')), 100));`,
    undefined,
  ],
  // Tests that silence others.
  [
    'packages/linux/test/only.test.ts',
    `declare const test: { only(name: string, run: () => void): void };\ntest.only('a', () => undefined);`,
    'no-restricted-syntax',
  ],
];

describe('lint', () => {
  let folder = '';
  /** @type {Map<string, string[]>} */
  const reported = new Map();

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'overlay-lint-'));
    const put = (file, text) => {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), text);
    };
    put('package.json', JSON.stringify({ name: 'probe', private: true, type: 'module' }));
    const compilerOptions = { module: 'NodeNext', strict: true, target: 'ES2022', noEmit: true, types: ['node'] };
    put('tsconfig.json', JSON.stringify({ compilerOptions, include: ['packages', 'examples'] }));
    for (const [where, manifest] of Object.entries(manifests)) {
      put(`${where}/package.json`, JSON.stringify({ type: 'module', ...manifest }));
    }
    put('node_modules/@overlay/secret/package.json', JSON.stringify({ name: '@overlay/secret', private: true }));
    symlinkSync(path.join(root, 'node_modules', '@types'), path.join(folder, 'node_modules', '@types'));
    for (const [file, text] of cases) put(file, `${text}\n`);

    const eslint = path.join(root, 'node_modules', 'eslint', 'bin', 'eslint.js');
    const args = [eslint, '--config', path.join(root, 'eslint.config.js'), '--format', 'json', '.'];
    const done = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8', maxBuffer: 1 << 26 });
    if (!done.stdout.startsWith('[')) throw new Error(`eslint did not run: ${done.stderr}`);
    for (const { filePath, messages } of JSON.parse(done.stdout)) {
      const file = path.relative(folder, filePath);
      reported.set(
        file,
        messages.map(({ ruleId, message }) => ruleId ?? message),
      );
    }
  }, 120_000);

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  // The probes import what does not exist, so rules about unresolved types report them too; those are not asked about.
  const own = (file) => reported.get(file)?.filter((rule) => !/no-unsafe|no-redundant|no-confusing/.test(rule));

  test.each(cases.filter(([, , rule]) => rule !== undefined))('reports %s', (file, _text, rule) => {
    expect(own(file)).toContain(rule);
  });

  test.each(cases.filter(([, , rule]) => rule === undefined))('leaves %s alone', (file) => {
    expect(own(file)).toEqual([]);
  });
});
