import { errorText, OverlayError } from '@overlay/core';

const FLAG = '--iface-regex';

/**
 * Syntax of Go's regexp package that JavaScript would accept with another meaning, or refuse without saying why. A
 * choice that silently never matches is worse than an error.
 */
const GO_ONLY = /\\[AzQEC]|\[\[:|\(\?P<|\(\?[imsU]*-/;

/**
 * Compiles an expression of `--iface-regex`. Not anchored, as with flanneld. Of Go's inline flags `(?i)`, `(?m)` and
 * `(?s)` are understood at the beginning.
 *
 * @throws OverlayError `OVERLAY_CONFIG_INVALID`.
 */
export function compileInterfaceRegex(text: string): RegExp {
  const [, flags = '', body = ''] = /^(?:\(\?([ims]+)\))?([^]*)$/.exec(text) ?? [];
  if (body === '') throw refused(text, 'an empty expression matches every interface');
  const goOnly = GO_ONLY.exec(body)?.[0];
  if (goOnly !== undefined) {
    throw refused(text, `${JSON.stringify(goOnly)} is not understood here; write it with ^, $, [a-z] and (...)`);
  }
  try {
    return new RegExp(body, [...new Set(flags)].join(''));
  } catch (error) {
    throw refused(text, errorText(error), error);
  }
}

function refused(text: string, why: string, cause?: unknown): OverlayError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
  return new OverlayError('OVERLAY_CONFIG_INVALID', `${FLAG}: expected a regular expression, got ${shown}: ${why}`, {
    key: FLAG,
    cause,
  });
}
