// A package registry on this machine, for tests: it has the packages of this repository, packed, under their real names, and
// tells of all others what package-lock.json says of them. npm takes those out of its cache, by their checksum; one that is
// not there is asked for where this machine's npm is set to ask. So a user's own words, `npm install @overlay/core`, are run.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { workspaces } from '../workspaces.mjs';

/** What of a package.json, or of an entry of the lock file, a registry tells. */
const TOLD = ['dependencies', 'peerDependencies', 'peerDependenciesMeta', 'optionalDependencies', 'bin', 'engines'];
const MORE_TOLD = ['os', 'cpu', 'libc'];

const pick = (from) =>
  Object.fromEntries([...TOLD, ...MORE_TOLD].filter((key) => from[key]).map((key) => [key, from[key]]));

/** The environment without what an npm that runs this has put there. */
function cleanEnvironment() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)));
}

export class PackedRegistry {
  /** name → version → manifest with `dist`. */
  #packages = new Map();
  #tarballs = new Map();
  /** The version that this repository itself uses, where there are several. */
  #latest = new Map();
  #folder = mkdtempSync(path.join(os.tmpdir(), 'overlay-packed-'));
  #elsewhere;
  #server;

  /** Packs every package that is published, and begins to answer. @param {string} root the repository's top folder */
  static async open(root) {
    const registry = new PackedRegistry();
    registry.#readLock(root);
    registry.#pack(root);
    const options = { cwd: root, encoding: 'utf8', env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'ignore'] };
    registry.#elsewhere = execFileSync('npm', ['config', 'get', 'registry'], options).trim().replace(/\/$/, '');
    registry.#server = createServer((request, response) => registry.#answer(request, response));
    await new Promise((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    return registry;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** What npm needs to be told to use it. */
  get environment() {
    return {
      ...cleanEnvironment(),
      npm_config_registry: `${this.url}/`,
      [`npm_config_//${this.url.slice('http://'.length)}/:_authToken`]: 'of-a-test',
      npm_config_prefer_offline: 'true',
      npm_config_audit: 'false',
      npm_config_fund: 'false',
      npm_config_update_notifier: 'false',
    };
  }

  async close() {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #readLock(root) {
    const { packages } = JSON.parse(readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
    for (const [place, entry] of Object.entries(packages)) {
      const name = entry.name ?? place.split('node_modules/').at(-1);
      if (place === '' || entry.link || entry.integrity === undefined) continue;
      if (place === `node_modules/${name}`) this.#latest.set(name, entry.version);
      this.#add(name, entry.version, { ...pick(entry), dist: { integrity: entry.integrity } });
    }
  }

  #pack(root) {
    const published = workspaces(root).filter(({ manifest }) => manifest.private !== true);
    const chosen = published.flatMap(({ name }) => ['--workspace', name]);
    const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', this.#folder, ...chosen];
    const options = { cwd: root, encoding: 'utf8', env: cleanEnvironment(), stdio: ['ignore', 'pipe', 'ignore'] };
    const packed = JSON.parse(execFileSync('npm', args, options));
    for (const { name, version, filename, integrity } of packed) {
      const { manifest } = published.find((workspace) => workspace.name === name);
      this.#add(name, version, { ...pick(manifest), dist: { integrity } });
      this.#tarballs.set(`${name} ${version}`, readFileSync(path.join(this.#folder, filename)));
    }
  }

  #add(name, version, manifest) {
    const versions = this.#packages.get(name) ?? new Map();
    versions.set(version, { name, version, ...manifest });
    this.#packages.set(name, versions);
  }

  #answer(request, response) {
    // npm must not remember it: another run has the same port, and other packages.
    response.setHeader('cache-control', 'no-store');
    const place = decodeURIComponent(new URL(request.url, this.url).pathname).slice(1);
    const [, name, version] = /^(.+)\/-\/(?:[^/]+)-(\d+\.\d+\.\d+.*)\.tgz$/.exec(place) ?? [undefined, place];
    if (request.method === 'PUT') return void this.#publish(request, response);
    const versions = this.#packages.get(name);
    if (versions === undefined) return void response.writeHead(404).end('{}');
    if (version === undefined) return void response.end(JSON.stringify(this.#document(name, versions)));
    const tarball = this.#tarballs.get(`${name} ${version}`);
    if (tarball !== undefined) return void response.end(tarball);
    response.writeHead(302, { location: `${this.#elsewhere}/${place}` }).end();
  }

  #document(name, versions) {
    const all = [...versions.values()].map((manifest) => {
      const tarball = `${this.url}/${name}/-/${name.split('/').at(-1)}-${manifest.version}.tgz`;
      return [manifest.version, { ...manifest, dist: { ...manifest.dist, tarball } }];
    });
    const latest = this.#latest.get(name) ?? all.at(-1)[0];
    return { name, 'dist-tags': { latest }, versions: Object.fromEntries(all) };
  }

  /** Takes what `npm publish` sends: a document with the manifest and the tarball in it. */
  async #publish(request, response) {
    const parts = [];
    for await (const part of request) parts.push(part);
    const { name, versions, _attachments: files } = JSON.parse(Buffer.concat(parts).toString());
    const [manifest] = Object.values(versions);
    const tarball = Buffer.from(Object.values(files)[0].data, 'base64');
    const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
    this.#tarballs.set(`${name} ${manifest.version}`, tarball);
    this.#add(name, manifest.version, { ...pick(manifest), dist: { integrity } });
    response.writeHead(201).end('{}');
  }
}
