import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { OverlayError } from '@overlay/core';

/** A native addon of a package. */
export interface NativeAddon {
  /** Its file: `overlay-netlink.node`. */
  readonly file: string;
  /** What it is, for messages: `the netlink addon`. */
  readonly title: string;
  /** How it is built, for messages: ``` `node native/build.mjs` in packages/linux (needs gcc) ```. */
  readonly build: string;
  /** URL of the module that asks, which lies in a folder of the package's `dist`: `dist/netlink/native.js`. */
  readonly base: string | URL;
}

/**
 * Where an addon may lie: in its package, or beside a program bundled into one file, with or without the `prebuilds`
 * folder.
 */
function candidates({ file, base }: NativeAddon): string[] {
  const folder = `prebuilds/${process.platform}-${process.arch}/`;
  return [`../../${folder}${file}`, `./${folder}${file}`, `./${file}`].map((path) =>
    fileURLToPath(new URL(path, base)),
  );
}

/**
 * Loads a native addon and gives what it exports: the same each time, for Node keeps what was required. (What
 * `process.dlopen` gives is made anew at each call, and stays until the process ends.)
 *
 * @throws OverlayError `OVERLAY_NATIVE_MISSING` when it is not there or cannot be loaded.
 */
export function loadAddon(addon: NativeAddon): unknown {
  const { file, title, build } = addon;
  const paths = candidates(addon);
  const path = paths.find((candidate) => existsSync(candidate));
  if (path === undefined) {
    throw new OverlayError(
      'OVERLAY_NATIVE_MISSING',
      `loading ${title}: ${file} is missing for ${process.platform}-${process.arch} (looked at ${paths.join(', ')}); ` +
        `install a release that has it, or build it with ${build}`,
    );
  }
  try {
    return createRequire(path)(path) as unknown;
  } catch (error) {
    throw new OverlayError(
      'OVERLAY_NATIVE_MISSING',
      `loading ${title}: ${path} does not load here (${error instanceof Error ? error.message : String(error)}); ` +
        `build it on this machine with ${build}`,
      { cause: error },
    );
  }
}
