import { describe, expect, test } from '@jest/globals';
import { formatLine } from '../../dist/log/format-line.js';
import { Log } from '../../dist/log/log.js';

const AT = Date.UTC(2026, 10, 22, 17, 8, 32, 123);

/** A log whose text can be looked at. */
function logTo(level: 'error' | 'warn' | 'info' | 'debug' = 'info'): { log: Log; text: () => string } {
  let text = '';
  const log = new Log({ level, format: 'text', now: () => AT, write: (part) => (text += part) });
  return { log, text: () => text };
}

describe('a line', () => {
  test.each([
    ['a message', {}, '2026-11-22T17:08:32.123Z info  a message\n'],
    [
      'fields',
      { key: 'net/ipv4/ip_forward', to: 1 },
      '2026-11-22T17:08:32.123Z info  fields key=net/ipv4/ip_forward to=1\n',
    ],
    ['quoted', { reason: 'two words' }, '2026-11-22T17:08:32.123Z info  quoted reason="two words"\n'],
    ['an error', { cause: new Error('no\nway') }, '2026-11-22T17:08:32.123Z info  an error cause="no\\nway"\n'],
    ['numbers', { big: 2n ** 64n }, '2026-11-22T17:08:32.123Z info  numbers big=18446744073709551616\n'],
    ['a forged\n2026 line \x1b[31m', {}, '2026-11-22T17:08:32.123Z info  a forged\\n2026 line \\u001b[31m\n'],
  ])('as text: %j', (message, fields, line) => {
    expect(formatLine({ time: AT, level: 'info', message, fields }, 'text')).toBe(line);
  });

  test('as JSON: one object, whose own members no field can take', () => {
    const fields = { level: 'none', big: 1n, error: new Error('why') };
    const line = formatLine({ time: AT, level: 'warn', message: 'a\nb', fields }, 'json');
    expect(line).toMatch(/^[^\n]+\n$/);
    expect(JSON.parse(line)).toEqual({
      time: '2026-11-22T17:08:32.123Z',
      level: 'warn',
      msg: 'a\nb',
      big: '1',
      error: 'why',
    });
  });
});

describe('a log', () => {
  test('leaves out what is less important than its level', () => {
    const { log, text } = logTo('warn');
    log.debug('d');
    log.info('i');
    log.warn('w');
    log.error('e');
    expect(text()).toBe('2026-11-22T17:08:32.123Z warn  w\n2026-11-22T17:08:32.123Z error e\n');
  });

  test('holds lines and writes them in their order', () => {
    const { log, text } = logTo();
    log.hold();
    log.info('one');
    log.info('two');
    expect(text()).toBe('');
    log.release();
    log.info('three');
    expect(text()).toMatch(/one\n.*two\n.*three\n$/);
  });

  test('says only why it all failed while it holds', () => {
    const { log, text } = logTo();
    log.hold();
    log.info('a beginning');
    log.error('the reason');
    log.fail('the reason');
    expect(text()).toBe('2026-11-22T17:08:32.123Z error the reason\n');
  });

  test('does not repeat the reason where it has been written', () => {
    const { log, text } = logTo();
    log.error('the reason');
    log.fail('the reason');
    expect(text()).toBe('2026-11-22T17:08:32.123Z error the reason\n');
  });
});
