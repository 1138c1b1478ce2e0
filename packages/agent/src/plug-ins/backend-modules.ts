import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BackendFactory } from '@overlay/core';
import { errorText, OverlayError } from '@overlay/core';
import type { Linux } from '@overlay/linux';
import semver from 'semver';
import { shown } from '../flags/usage-error.js';
import type { PackageDescription } from './installed-package.js';
import { installedPackage, packageOf } from './installed-package.js';

/** What a backend of a plug-in works with. */
export interface BackendModuleContext {
  /** The agent's own: its devices, routes and marks are those of the backends that come with the agent. */
  readonly linux: Linux;
}

/** What a module that `--backend-module` names exports. */
export interface BackendModule {
  /** Makes the factory of one kind of backend; touches nothing yet. */
  readonly backend: (context: BackendModuleContext) => BackendFactory;
}

/** A module whose code has been loaded; nothing has been made of it. */
export interface LoadedBackendModule {
  /** As the command line names it. */
  readonly name: string;
  readonly backend: BackendModule['backend'];
}

/** What {@link makeBackends} works from. */
export interface BackendModulesOptions {
  readonly linux: Linux;
  /** Backends that are there already. */
  readonly present: readonly BackendFactory[];
}

const FLAG = '--backend-module';
const CORE = '@overlay/core';

/** Where packages are looked for: where this one is installed. */
const OWN_FOLDER = path.dirname(fileURLToPath(import.meta.url));

const PACKAGE = /^((?:@[a-z\d~-][a-z\d._~-]*\/)?[a-z\d~-][a-z\d._~-]*)(?:\/[^/].*)?$/;
const TYPE = /^[a-z\d][a-z\d._-]{0,62}$/;
const ABILITIES = ['ipv4', 'ipv6', 'dualStack', 'crossesSubnets', 'encryption', 'survivesAgent', 'flannelInterop'];

/**
 * Loads the modules that this host's command line or environment names, in their order. It needs nothing of the host, so a
 * name that is wrong is told at once, whatever else an agent has to wait for.
 * Never give it a name that comes from a store: it runs the code.
 *
 * @param names packages installed beside the agent, or paths of files.
 * @throws OverlayError `OVERLAY_BACKEND_MODULE` in one line: not found, not to be loaded, made for another version of
 *   core, or without the export {@link BackendModule.backend}.
 */
export async function loadBackendModules(names: readonly string[]): Promise<readonly LoadedBackendModule[]> {
  const modules: LoadedBackendModule[] = [];
  for (const name of names) modules.push({ name, backend: await loadModule(name) });
  return modules;
}

/**
 * Makes a factory of each module.
 *
 * @throws OverlayError `OVERLAY_BACKEND_MODULE` in one line: what it makes is no factory, or has a type that is there already.
 */
export function makeBackends(
  modules: readonly LoadedBackendModule[],
  { linux, present }: BackendModulesOptions,
): readonly BackendFactory[] {
  const bringers = new Map(present.map(({ type }) => [type, 'which comes with this agent']));
  const factories: BackendFactory[] = [];
  for (const module of modules) {
    const { name } = module;
    const factory = makeBackend(module, linux);
    const { type } = factory;
    const bringer = bringers.get(type);
    if (bringer !== undefined) {
      throw wrong(name, `expected a Backend.Type of its own, got ${shown(type)}, ${bringer}; leave one of them out`);
    }
    bringers.set(type, `which ${shown(name)} brings as well`);
    factories.push(factory);
  }
  return factories;
}

async function loadModule(name: string): Promise<BackendModule['backend']> {
  const { specifier, description } = find(name);
  checkCore(name, description);
  let module: Readonly<Record<string, unknown>>;
  try {
    module = (await import(specifier)) as typeof module;
  } catch (error) {
    throw wrong(name, `could not be loaded: ${firstLine(error)}`, error);
  }
  const { backend: make } = module;
  if (typeof make !== 'function') {
    const others = Object.keys(module).filter((key) => key !== 'default' && key !== 'module.exports');
    const got =
      make === undefined ? others.join(', ') || 'no named export' : `one that is no function (${typeof make})`;
    throw wrong(name, `expected an export "backend", a function of { linux } that gives a BackendFactory, got ${got}`);
  }
  return make as BackendModule['backend'];
}

function makeBackend({ name, backend }: LoadedBackendModule, linux: Linux): BackendFactory {
  let factory: unknown;
  try {
    factory = backend({ linux });
  } catch (error) {
    throw wrong(name, `its backend() failed: ${firstLine(error)}`, error);
  }
  const fault = faultOf(factory);
  if (fault !== undefined) throw wrong(name, `its backend() gives no BackendFactory: ${fault}`);
  return factory as BackendFactory;
}

/** Where a module is, and the package that it belongs to. */
function find(name: string): { readonly specifier: string; readonly description?: PackageDescription } {
  if (path.isAbsolute(name) || /^\.\.?\//.test(name)) {
    const file = path.resolve(name);
    if (!existsSync(file)) throw wrong(name, 'there is no such file');
    // As Node does it: a module's place is where it really is.
    const description = packageOf(path.dirname(realpathSync(file)));
    return { specifier: pathToFileURL(file).href, ...(description && { description }) };
  }
  const packageName = PACKAGE.exec(name)?.[1];
  if (packageName === undefined) {
    throw wrong(name, 'expected the name of a package, or a path that begins with "/", "./" or "../"');
  }
  const description = installedPackage(packageName, OWN_FOLDER);
  if (description !== undefined) return { specifier: name, description };
  const own = packageOf(OWN_FOLDER)?.folder ?? OWN_FOLDER;
  throw wrong(name, `${packageName} is not installed where this agent is (${own}); install it there with npm`);
}

/** All packages of this project have one version, so that of the agent is the one of the core in it. */
function checkCore(name: string, description: PackageDescription | undefined): void {
  const range = description?.peerDependencies?.[CORE];
  if (range === undefined) return;
  const version = String(packageOf(OWN_FOLDER)?.version);
  if (typeof range === 'string' && semver.satisfies(version, range, { includePrerelease: true })) return;
  const got = typeof range === 'string' ? shown(range) : 'something else';
  throw wrong(
    name,
    `expected peerDependencies[${shown(CORE)}] to include ${version}, the version of this agent, got ${got}; ` +
      'install a version of it that does',
  );
}

function faultOf(factory: unknown): string | undefined {
  if (typeof factory !== 'object' || factory === null) return 'expected an object';
  const { type, supports, create } = factory as Partial<Record<keyof BackendFactory, unknown>>;
  if (typeof type !== 'string' || !TYPE.test(type)) return 'type: expected a word in lower case';
  if (typeof create !== 'function') return 'create: expected a function';
  const abilities = (typeof supports === 'object' ? supports : undefined) as Record<string, unknown> | null | undefined;
  const missing = ABILITIES.find((ability) => typeof abilities?.[ability] !== 'boolean');
  return missing === undefined ? undefined : `supports.${missing}: expected true or false`;
}

function firstLine(error: unknown): string {
  return errorText(error).split('\n', 1)[0];
}

function wrong(name: string, what: string, cause?: unknown): OverlayError {
  return new OverlayError('OVERLAY_BACKEND_MODULE', `${FLAG}: ${shown(name)}: ${what}`, { key: FLAG, cause });
}
