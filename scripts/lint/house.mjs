// The house's dependency table: what each package may import. It is the law whatever package.json says; beside it, an
// import must also be declared in the package's own package.json.

/**
 * rxjs and the interfaces of core go together: lease and host streams are Observables, so whoever may depend on core may
 * speak them.
 */
const core = ['@overlay/core', 'rxjs'];
const host = [...core, '@overlay/linux'];
const backend = { imports: host };

/**
 * By folder. `imports`: packages that its sources may import; `noBuiltins`: its sources may not import Node's own modules
 * either (no I/O); `anyPublished`: its sources may import every published package, and besides what it declares.
 * @type {Record<string, { imports: string[], noBuiltins?: boolean, anyPublished?: boolean }>}
 */
export const house = {
  'packages/core': { imports: ['rxjs', 'tsyringe', 'reflect-metadata'], noBuiltins: true },
  'packages/linux': { imports: [...core, 'netlink'] },
  'packages/subnet-local': { imports: core },
  'packages/subnet-etcd': { imports: core },
  'packages/subnet-kube': { imports: [...core, '@kubernetes/client-node'] },
  'packages/backend-*': backend,
  'packages/lab': { imports: [...host, 'commander'] },
  'packages/agent': {
    imports: [
      ...host,
      'tsyringe',
      'reflect-metadata',
      'commander',
      'semver',
      'pino',
      // Optional, and compiled where it is installed: src/probe loads it by createRequire.
      'raw-socket',
      '@overlay/lab',
      '@overlay/subnet-local',
      '@overlay/subnet-etcd',
      '@overlay/subnet-kube',
      '@overlay/backend-*',
    ],
  },
  'packages/cni': { imports: core },
  conformance: { imports: [...host, '@overlay/lab', '@overlay/backend-memory', 'commander', 'yaml', 'ajv'] },
  'examples/*': { imports: [], anyPublished: true },
};

/** What tests of any package may import besides: test tools, and the suite that they run against their package. */
export const testImports = [
  '@jest/globals',
  'fast-check',
  'ajv',
  '@overlay/conformance',
  '@overlay/lab',
  '@overlay/linux',
  '@overlay/backend-*',
  '@overlay/subnet-*',
];

/** Subpaths that are not for everybody: the folders whose sources may import them. Tests may import any. */
export const guardedSubpaths = {
  '@overlay/core/container': ['packages/agent', 'examples/*'],
  '@overlay/core/testing': ['conformance', 'examples/*'],
  '@overlay/linux/testing': ['conformance'],
};

/** @param {string} pattern a name or path in which `*` stands for anything but a slash @param {string} text */
export function matches(pattern, text) {
  if (!pattern.includes('*')) return pattern === text;
  const [start, end] = pattern.split('*');
  return (
    text.length >= start.length + end.length &&
    text.startsWith(start) &&
    text.endsWith(end) &&
    !text.slice(start.length, text.length - end.length).includes('/')
  );
}
