// `npm run api`: writes what each package offers to others, one file an entry point, to api/. `npm run api:check` compares
// instead, prints the difference, and fails on any: a change of the public interface is then part of a commit's diff.
import { readdirSync, readFileSync, mkdirSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { spawnSync } from 'node:child_process';
import extractor from '@microsoft/api-extractor';

const { Extractor, ExtractorConfig, ExtractorLogLevel } = extractor;
const root = path.resolve(import.meta.dirname, '..');
const kept = path.join(root, 'api');

/** @returns {{ folder: string, file: string, types: string }[]} every entry point that has types */
function entryPoints() {
  const folders = [...readdirSync(path.join(root, 'packages')).map((name) => `packages/${name}`), 'conformance'];
  return folders.flatMap((name) => {
    const folder = path.join(root, name);
    const manifest = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    return Object.entries(manifest.exports ?? {})
      .filter(([, target]) => target.types !== undefined)
      .map(([subpath, { types }]) => ({
        folder,
        file: `${[manifest.name.split('/')[1], ...subpath.split('/').slice(1)].join('.')}.api.md`,
        types: path.join(folder, types),
      }));
  });
}

/** Writes the report of one entry point; what the extractor has to say beside it (forgotten exports, tags) is in the report. */
function report({ folder, file, types }, into, scratch) {
  const config = ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: path.join(folder, 'package.json'),
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: types,
      compiler: { tsconfigFilePath: path.join(folder, 'tsconfig.json') },
      apiReport: { enabled: true, reportFileName: file, reportFolder: into, reportTempFolder: scratch },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: { logLevel: ExtractorLogLevel.Error } },
        extractorMessageReporting: {
          default: { logLevel: ExtractorLogLevel.None },
          'ae-forgotten-export': { logLevel: ExtractorLogLevel.Warning, addToApiReportFile: true },
        },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
  const { succeeded, errorCount } = Extractor.invoke(config, {
    localBuild: true,
    messageCallback: (message) => {
      message.handled = message.logLevel !== ExtractorLogLevel.Error;
    },
  });
  if (!succeeded && errorCount > 0) throw new Error(`${file}: the entry point ${types} cannot be read; build first`);
}

const check = process.argv.includes('--check');
const scratch = mkdtempSync(path.join(os.tmpdir(), 'overlay-api-'));
try {
  const now = path.join(scratch, 'api');
  mkdirSync(now);
  mkdirSync(path.join(scratch, 'temp'));
  for (const point of entryPoints()) report(point, now, path.join(scratch, 'temp'));
  if (check) {
    const { status, stdout } = spawnSync('git', ['diff', '--no-index', '--exit-code', '--', kept, now], {
      encoding: 'utf8',
    });
    if (status !== 0) {
      process.stdout.write(stdout);
      process.stderr.write(
        'api: what packages offer to others has changed: `npm run api`, and commit api/ if that is meant\n',
      );
      process.exitCode = 1;
    }
  } else {
    if (existsSync(kept)) rmSync(kept, { recursive: true });
    mkdirSync(kept);
    for (const file of readdirSync(now)) writeFileSync(path.join(kept, file), readFileSync(path.join(now, file)));
  }
} finally {
  rmSync(scratch, { recursive: true });
}
