import process from 'node:process';
import { isatty } from 'node:tty';
import { errorCode, errorText, systemClock } from '@overlay/core';
import type { InstanceLock } from '@overlay/linux';
import { acquireInstance, releaseProgramPages } from '@overlay/linux';
import type { HostAgent } from './compose/host-agent.js';
import { startHostAgent } from './compose/host-agent.js';
import type { Settings } from './flags/settings.js';
import { readSettings } from './flags/settings.js';
import { FLAGS } from './flags/table.js';
import { Log } from './log/log.js';
import type { LoadedBackendModule } from './plug-ins/backend-modules.js';
import { openStore } from './stores/open-store.js';
import { writeStandardError } from './log/standard-error.js';
import { StartTimes } from './start-times.js';
import { systemdNotifier } from './systemd/notify.js';
import { VERSION } from './version.js';

/** How long lines are held back that would be of no interest after a failed start, in milliseconds. */
const HOLD_MS = 300;

/** Everything ends by then, in milliseconds: a second is promised. */
const END_MS = 950;

const EXIT_ENDED = 0;
const EXIT_FAILED = 1;

/**
 * The host agent as a program: reads the command line, runs until a signal or a failure ends it.
 *
 * @param argv what follows the program's name.
 * @returns the exit code.
 */
export async function overlayd(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const times = new StartTimes();
  times.mark('code loaded');
  let settings: Settings;
  try {
    const request = readSettings(argv, env);
    if (request.action === 'version') {
      process.stdout.write(`${VERSION}\n`);
      return EXIT_ENDED;
    }
    if (request.action === 'help') {
      const { helpText } = await import('./flags/help.js');
      process.stdout.write(helpText(FLAGS));
      return EXIT_ENDED;
    }
    settings = request.settings;
  } catch (error) {
    writeStandardError(`overlayd: ${errorText(error)}\n`);
    return EXIT_FAILED;
  }
  return await run(settings, times, env['NOTIFY_SOCKET']);
}

async function run(settings: Settings, times: StartTimes, notifySocket: string | undefined): Promise<number> {
  const format = settings.logFormat ?? (isatty(2) ? 'text' : 'json');
  const log = new Log({ level: settings.logLevel, format, write: writeStandardError });
  const tellSystemd = systemdNotifier(notifySocket, log);
  const ending = new AbortController();
  const { signal } = ending;
  let agent: HostAgent | undefined;
  let lock: InstanceLock | undefined;
  let code = EXIT_ENDED;

  const exitInTime = (): void => void systemClock.after(END_MS, () => process.exit(code));
  const end = (): void => {
    exitInTime();
    ending.abort();
  };
  const apply = (): void => void agent?.applyPending();
  const broken = (error: unknown): void => {
    // A state that nobody foresaw: a fresh start is safer, and packets do not notice one.
    log.release();
    log.error(`internal error: ${errorText(error)}`, error instanceof Error ? { stack: error.stack } : {});
    process.exit(EXIT_FAILED);
  };
  process.on('SIGTERM', end).on('SIGINT', end).on('SIGHUP', apply);
  process.on('unhandledRejection', broken).on('uncaughtException', broken);

  log.hold();
  try {
    const backendModules = await loadModules(settings);
    const store = await openStore(settings, log);
    lock = await acquireInstance(settings.instance, {
      signal,
      onWaiting: ({ pid }) => {
        log.release();
        const holder = pid === undefined ? 'another agent' : `the agent with pid ${pid}`;
        log.info(`${holder} holds instance ${settings.instance} in this network namespace; waiting until it ends`);
      },
    });
    log.hold();
    times.mark('instance held');
    shedStart(log);
    agent = await startHostAgent({ settings, store, backendModules, logger: log, times, signal });
    const cancelHold = systemClock.after(HOLD_MS, () => log.release());
    agent.ready({ signal }).then(
      () => {
        tellSystemd({ READY: '1', STATUS: 'ready' });
        cancelHold();
        log.release();
        log.debug(times.finish('ready'));
        shedStart(log);
      },
      () => cancelHold(),
    );
    await Promise.race([agent.done, aborted(signal)]);
    log.release();
    log.info('Exiting cleanly...');
    tellSystemd({ STOPPING: '1' });
  } catch (error) {
    if (!signal.aborted || errorCode(error) !== 'OVERLAY_ABORTED') {
      log.fail(errorText(error));
      code = EXIT_FAILED;
    }
  }
  exitInTime();
  await agent?.close();
  await lock?.release();
  log.release();
  return code;
}

/** What `--backend-module` names, before anything is waited for or held. */
async function loadModules({ backendModules }: Settings): Promise<readonly LoadedBackendModule[]> {
  if (backendModules.length === 0) return [];
  const { loadBackendModules } = await import('./plug-ins/backend-modules.js');
  return loadBackendModules(backendModules);
}

/** Lets go of what memory only the start needed. */
function shedStart(log: Log): void {
  try {
    releaseProgramPages();
  } catch (error) {
    log.debug(errorText(error));
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
