import type { TestFramework } from './framework.js';
import type { Profile, ProfileSet } from './profile.js';
import type { ConformanceTest, Ending, Need, Outcome } from './test-record.js';
import { whyNot } from './test-record.js';

/** What {@link register} works from. */
export interface Registration<Context, Feature extends string> {
  readonly framework: TestFramework;
  /** Under which name the results appear. */
  readonly name: string;
  readonly profiles: readonly Profile<ConformanceTest<Context, Feature>>[];
  /** Only tests with these ids; the others count as skipped. All unless told. */
  readonly only?: ReadonlySet<string>;
  readonly supports: (feature: Feature) => boolean;
  /** Why tests with these needs cannot run here. */
  readonly obstacle: (needs: readonly Need[]) => string | undefined;
  /** Milliseconds that one test may take. */
  readonly timeoutMs: number;
  /** Runs a test with a context of its own and cleans up after it. */
  readonly within: (
    run: (context: Context) => Promise<Ending>,
    test: ConformanceTest<Context, Feature>,
  ) => Promise<Ending>;
  readonly around?: Around;
  /** Called once for each test as it ends; for those that do not run, when they are registered. */
  readonly onOutcome?: (outcome: Outcome) => void;
  /** Called with how every test has ended, by profile and set. */
  readonly onEnd?: (results: readonly ProfileOutcomes[]) => Promise<void> | void;
}

/** Runs a test with something around it. */
export type Around = (run: () => Promise<Ending>) => Promise<Ending>;

/** How the tests of a profile ended. */
export interface ProfileOutcomes {
  readonly profile: Profile<ConformanceTest<never, string>>;
  readonly outcomes: Readonly<Record<ProfileSet, readonly Outcome[]>>;
}

/** Hands the tests of profiles to a test framework. */
export function register<Context, Feature extends string>(registration: Registration<Context, Feature>): void {
  const { framework, name, profiles, onOutcome, onEnd } = registration;
  const ended = new Map<string, Outcome>();
  const all = profiles.flatMap(({ core, extended }) => [...core, ...extended]);
  let told = false;
  const end = async (): Promise<void> => {
    if (told) return;
    told = true;
    await onEnd?.(profiles.map((profile) => outcomesOf(profile, ended)));
  };
  const record = (outcome: Outcome): void => {
    ended.set(outcome.id, outcome);
    onOutcome?.(outcome);
  };
  framework.describe(name, () => {
    for (const profile of profiles) {
      framework.describe(profile.name, () => {
        for (const test of [...profile.core, ...profile.extended])
          one(registration, test, record, async () => {
            if (framework.after === undefined && ended.size === all.length) await end();
          });
      });
    }
    framework.after?.(end);
  });
}

/** Hands over one test. `afterwards` is called when it has run. */
function one<Context, Feature extends string>(
  registration: Registration<Context, Feature>,
  test: ConformanceTest<Context, Feature>,
  record: (outcome: Outcome) => void,
  afterwards: () => Promise<void>,
): void {
  const { framework, supports, obstacle, timeoutMs, within, only, around = (run) => run() } = registration;
  const title = `${test.id}: ${test.title}`;
  if (only?.has(test.id) === false) return record({ id: test.id, result: 'skipped', reason: 'it was not chosen' });
  const unsupported = whyNot(test, supports);
  const blocked = unsupported === undefined ? obstacle(test.needs) : undefined;
  const reason = unsupported ?? blocked;
  if (reason !== undefined) {
    framework.skip(`${title} (${reason})`);
    record({ id: test.id, result: unsupported === undefined ? 'blocked' : 'notSupported', reason });
    return;
  }
  framework.test(
    title,
    async () => {
      const began = performance.now();
      const took = (): number => Math.round(performance.now() - began);
      try {
        const left = await around(() => within((context) => test.run(context), test));
        const milliseconds = took();
        record({ id: test.id, ...resultOf(left), milliseconds });
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        record({ id: test.id, result: 'failed', reason: why, milliseconds: took() });
        throw error;
      } finally {
        await afterwards();
      }
    },
    timeoutMs,
  );
}

function resultOf(ending: Ending): Pick<Outcome, 'result' | 'reason'> {
  if (!ending) return { result: 'passed' };
  if ('blocked' in ending) return { result: 'blocked', reason: ending.blocked };
  return { result: 'notApplicable', reason: ending.notApplicable };
}

function outcomesOf(
  profile: Profile<ConformanceTest<never, string>>,
  ended: ReadonlyMap<string, Outcome>,
): ProfileOutcomes {
  const of = (tests: readonly { readonly id: string }[]): readonly Outcome[] =>
    tests.map(({ id }) => ended.get(id) ?? { id, result: 'skipped', reason: 'the run was ended before it' });
  return { profile, outcomes: { core: of(profile.core), extended: of(profile.extended) } };
}
