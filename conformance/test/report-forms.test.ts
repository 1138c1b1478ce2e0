// What a report becomes for others: JUnit XML, and the difference of two.
import { expect, test } from '@jest/globals';
import type { Outcome, ProfileOutcomes, Report, ReportedTest } from '@overlay/conformance';
import { diffReports, formatJUnit } from '@overlay/conformance';

function outcomesOf(core: readonly Outcome[]): readonly ProfileOutcomes[] {
  const profile = { name: 'Co & <re>', description: '', core: [], extended: [] };
  return [{ profile, outcomes: { core, extended: [] } }];
}

test('JUnit XML says nothing that XML cannot say, and counts each sort', () => {
  const reason = 'first "line" <b>&\u0000\u001b\ud800\ufffe\uffff 😀\nsecond';
  const xml = formatJUnit(
    outcomesOf([
      { id: 'a', result: 'passed', milliseconds: 1500 },
      { id: 'b', result: 'failed', reason, milliseconds: 1 },
      { id: 'c', result: 'notSupported', reason: 'x' },
      { id: 'd', result: 'blocked' },
    ]),
  );
  expect(xml).toContain(
    '<testsuite name="Co &amp; &lt;re&gt;" tests="4" failures="1" errors="0" skipped="2" time="1.501">',
  );
  expect(xml).toContain(
    '<failure message="first &quot;line&quot; &lt;b&gt;&amp; 😀">first &quot;line&quot; &lt;b&gt;&amp; 😀\nsecond',
  );
  expect(xml).toContain('<skipped message="notSupported: x"/>');
  expect(xml).toContain('<skipped message="blocked: "/>');
  // What a character of XML 1.0 is: section 2.2.
  expect(xml).toMatch(/^[\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]*$/u);
});

test('JUnit XML of nothing is a whole document all the same', () => {
  expect(formatJUnit([])).toMatch(/^<\?xml [^\n]*\n<testsuites>\s*<\/testsuites>\n$/);
});

function reportOf(tests: readonly ReportedTest[], more: Partial<Report> = {}): Report {
  const counts = { passed: 0, failed: 0, notSupported: 0, notApplicable: 0, blocked: 0, skipped: 0 };
  const none = { result: 'none', counts, tests: [] } as const;
  return {
    apiVersion: 'conformance.overlay/v1',
    kind: 'ConformanceReport',
    subject: 'backend',
    implementation: { organization: 'o', project: 'p', version: '1', url: 'https://p.example', contact: [] },
    mode: 'default',
    date: '2026-01-01T00:00:00Z',
    versions: { suite: '1', core: '1' },
    environment: { name: 'memory', node: 'v20', platform: 'linux-x64' },
    features: { supported: ['ipv4'], unsupported: [] },
    profiles: [{ name: 'Core', core: { result: 'success', counts, tests }, extended: none }],
    ...more,
  };
}

test('two reports differ in tests that come, go or end otherwise, and not in when they were made or in reasons', () => {
  const before = reportOf([
    { id: 'a', result: 'passed' },
    { id: 'b', result: 'notApplicable', reason: 'no device' },
    { id: 'gone', result: 'passed' },
  ]);
  const same = reportOf(
    [
      { id: 'gone', result: 'passed' },
      { id: 'b', result: 'notApplicable', reason: 'it brings no device' },
      { id: 'a', result: 'passed' },
    ],
    { date: '2027-01-01T00:00:00Z' },
  );
  expect(diffReports(before, same)).toEqual([]);
  const after = reportOf(
    [
      { id: 'a', result: 'failed', reason: 'why' },
      { id: 'b', result: 'notApplicable', reason: 'no device' },
      { id: 'new', result: 'passed' },
    ],
    {
      features: { supported: [], unsupported: ['ipv4'] },
      environment: { name: 'kernel', node: 'v20', platform: 'linux-x64' },
    },
  );
  expect(diffReports(before, after)).toEqual([
    'environment.name: memory -> kernel',
    'features supported: ipv4 is gone',
    'Core core a: passed -> failed (why)',
    'Core core gone: passed -> absent',
    'Core core new: absent -> passed',
  ]);
});
