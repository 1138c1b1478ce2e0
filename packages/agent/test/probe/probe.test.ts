import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { silentLogger } from '@overlay/core';
import { startProbe } from '../../dist/probe/probe.js';
import { loadRawSocket } from '../../dist/probe/raw-socket.js';
import { Folder } from '../support/folder.js';

/** A folder with a program, and with a package raw-socket of the given code beside it. */
function installed(folder: Folder, code?: string): string {
  if (code !== undefined) {
    mkdirSync(folder.at('node_modules', 'raw-socket'), { recursive: true });
    writeFileSync(folder.at('node_modules', 'raw-socket', 'package.json'), '{"name":"raw-socket","main":"index.js"}');
    writeFileSync(folder.at('node_modules', 'raw-socket', 'index.js'), code);
  }
  return folder.at('program.cjs');
}

function refusal(from: string): string {
  try {
    loadRawSocket(from);
  } catch (error) {
    expect(error).toMatchObject({ code: 'OVERLAY_PROBE_UNAVAILABLE' });
    return (error as Error).message;
  }
  throw new Error('was loaded');
}

describe('raw-socket', () => {
  test('that is not installed', () => {
    using folder = new Folder();
    expect(refusal(installed(folder))).toMatch(/is not installed; run `npm install raw-socket`/);
  });

  test('that is not compiled, as after an installation without scripts', () => {
    using folder = new Folder();
    const message = refusal(installed(folder, "require('./build/Release/raw.node')"));
    expect(message).toMatch(/is installed but not compiled; run `npm rebuild raw-socket --ignore-scripts=false`/);
  });

  test('that was compiled for another Node', () => {
    using folder = new Folder();
    const code = "throw Object.assign(new Error('NODE_MODULE_VERSION 93\\nmore'), { code: 'ERR_DLOPEN_FAILED' })";
    expect(refusal(installed(folder, code))).toMatch(/cannot be loaded \(NODE_MODULE_VERSION 93\); run `npm rebuild/);
  });

  test('that is there', () => {
    using folder = new Folder();
    expect(loadRawSocket(installed(folder, 'exports.mark = 7'))).toMatchObject({ mark: 7 });
  });
});

test('without it nothing is probed, which is said once and shown, and nothing is left running', () => {
  const warnings: string[] = [];
  using folder = new Folder();
  const probe = startProbe({
    rate: 5,
    peers: () => [],
    logger: { ...silentLogger, warn: (message) => warnings.push(message) },
    load: () => loadRawSocket(folder.at('program.cjs')),
  });
  expect(probe.report()).toEqual({
    rate: 5,
    problem: expect.stringContaining('npm install raw-socket'),
    counts: { reachable: 0, unreachable: 0, unknown: 0 },
    peers: [],
  });
  expect(warnings).toEqual([expect.stringMatching(/^--probe: peers are not probed: .*raw-socket/)]);
  probe.close();
});
