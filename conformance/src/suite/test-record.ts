/** What a test needs of its environment. `netns`: hosts that are network namespaces of a real kernel. */
export type Need = 'netns';

/** A reason why a test had nothing to look at: the implementation has no object of the sort that the test is about. */
export interface NotApplicable {
  readonly notApplicable: string;
}

/** What a test gives back that has nothing to look at. */
export function notApplicable(reason: string): NotApplicable {
  return { notApplicable: reason };
}

/** A reason why a test could not be run here after all: a program is not installed. */
export interface Blocked {
  readonly blocked: string;
}

/** What a test gives back that cannot be run here. */
export function blocked(reason: string): Blocked {
  return { blocked: reason };
}

/** What a test gives back: nothing when it has run, else why not. */
export type Ending = NotApplicable | Blocked | void;

/** One test, as data. */
export interface ConformanceTest<Context, Feature extends string> {
  /** Stable name, unique in its suite: `heal-route-deleted`. */
  readonly id: string;
  /** What holds, in one line. */
  readonly title: string;
  /** What the implementation must support for the test to apply. */
  readonly features: readonly Feature[];
  /** What it must lack: such a test looks at how that is told. */
  readonly lacks?: readonly Feature[];
  readonly needs: readonly Need[];
  /** Fails by throwing. */
  run(context: Context): Promise<Ending>;
}

/**
 * How a test ended.
 *
 * - `passed`, `failed`
 * - `notSupported`: the implementation says that it cannot do this; not counted against it
 * - `notApplicable`: it has no object of the sort that the test is about; not counted against it
 * - `blocked`: this environment lacks what the test needs
 * - `skipped`: it was chosen and has not run, because the run was ended before it
 */
export type Result = 'passed' | 'failed' | 'notSupported' | 'notApplicable' | 'blocked' | 'skipped';

/** How one test ended, and why unless it passed. */
export interface Outcome {
  readonly id: string;
  readonly result: Result;
  readonly reason?: string;
  /** How long it took, in milliseconds; absent for one that did not run. */
  readonly milliseconds?: number;
}

/** Whether a test applies to an implementation; otherwise why not. */
export function whyNot<Feature extends string>(
  { features, lacks = [] }: Pick<ConformanceTest<never, Feature>, 'features' | 'lacks'>,
  supports: (feature: Feature) => boolean,
): string | undefined {
  const missing = features.find((feature) => !supports(feature));
  if (missing !== undefined) return `does not support ${missing}`;
  const present = lacks.find((feature) => supports(feature));
  return present === undefined ? undefined : `supports ${present}`;
}
