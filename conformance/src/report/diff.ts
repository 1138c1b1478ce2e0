import type { Report, ReportedTest } from './report.js';
import { PROFILE_SETS } from './report.js';

/** What differs between two reports, a line each; nothing when all tests ended alike. When they were made does not count. */
export function diffReports(before: Report, after: Report): readonly string[] {
  return [
    ...facts(before, after),
    ...setChange('features supported', before.features.supported, after.features.supported),
    ...setChange('profiles', names(before), names(after)),
    ...tests(before, after),
  ];
}

/** What is compared as it is, by the name under which a difference is shown. */
function shownFacts({ subject, implementation, mode, versions, environment }: Report): Map<string, string> {
  const { organization, project, version } = implementation;
  const groups = { implementation: { organization, project, version }, versions, environment };
  const entries = Object.entries(groups).flatMap(([group, members]) =>
    Object.entries(members).map(([name, value]): [string, string] => [`${group}.${name}`, value]),
  );
  return new Map([['subject', subject], ['mode', mode], ...entries]);
}

function facts(before: Report, after: Report): string[] {
  const [was, is] = [shownFacts(before), shownFacts(after)];
  return [...new Set([...was.keys(), ...is.keys()])]
    .filter((name) => was.get(name) !== is.get(name))
    .map((name) => `${name}: ${was.get(name) ?? 'none'} -> ${is.get(name) ?? 'none'}`);
}

function names({ profiles }: Report): readonly string[] {
  return profiles.map(({ name }) => name);
}

function setChange(what: string, before: readonly string[], after: readonly string[]): string[] {
  return [
    ...before.filter((each) => !after.includes(each)).map((each) => `${what}: ${each} is gone`),
    ...after.filter((each) => !before.includes(each)).map((each) => `${what}: ${each} is new`),
  ];
}

/** The tests of a report by where they are: `Core core join-ipv4`. */
function byPlace({ profiles }: Report): ReadonlyMap<string, ReportedTest> {
  return new Map(
    profiles.flatMap((profile) =>
      PROFILE_SETS.flatMap((set) =>
        profile[set].tests.map((test): [string, ReportedTest] => [`${profile.name} ${set} ${test.id}`, test]),
      ),
    ),
  );
}

function tests(before: Report, after: Report): string[] {
  const [was, is] = [byPlace(before), byPlace(after)];
  return [...new Set([...was.keys(), ...is.keys()])].flatMap((place) => {
    const [old, now] = [was.get(place), is.get(place)];
    if (old?.result === now?.result) return [];
    const why = now?.reason === undefined ? '' : ` (${now.reason})`;
    return [`${place}: ${old?.result ?? 'absent'} -> ${now?.result ?? 'absent'}${why}`];
  });
}
