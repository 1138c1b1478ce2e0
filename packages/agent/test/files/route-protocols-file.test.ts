import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { noteRouteProtocol, routeProtocols } from '../../dist/files/route-protocols-file.js';
import { statePaths } from '../../dist/state-directory/state-paths.js';

let folder: string;
const state = () => statePaths(folder, 'default');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overlay-protocols-'));
  mkdirSync(state().folder);
});
afterEach(() => rmSync(folder, { recursive: true }));

test('the usual number is what an instance has that was never told of another', () => {
  noteRouteProtocol(state(), 111);
  expect(routeProtocols(state())).toEqual([111]);
});

test('each number that was in use stays known, the latest first', () => {
  noteRouteProtocol(state(), 200);
  expect(routeProtocols(state())).toEqual([200]);
  noteRouteProtocol(state(), 111);
  noteRouteProtocol(state(), 201);
  noteRouteProtocol(state(), 200);
  expect(routeProtocols(state())).toEqual([200, 201, 111]);
});

test('an instance that was here before there was a record had the usual number', () => {
  writeFileSync(state().configurations, '{}');
  noteRouteProtocol(state(), 200);
  expect(routeProtocols(state())).toEqual([200, 111]);
});

test('what is no number does not count', () => {
  writeFileSync(state().routeProtocols, '200\nx\n0\n256\n');
  expect(routeProtocols(state())).toEqual([200]);
});
