import { createRequire } from 'node:module';
import { errorText, OverlayError } from '@overlay/core';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import type { Report } from './report.js';
import { REPORT_API_VERSION } from './report.js';

const require = createRequire(import.meta.url);

/**
 * Reads a report.
 *
 * @param source names the text in messages: its file.
 * @throws OverlayError `OVERLAY_REPORT_INVALID` naming what is wrong, or the version that this one does not read.
 */
export function parseReport(text: string, source: string): Report {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw invalid(source, `not YAML: ${errorText(error).split('\n')[0]}`, error);
  }
  const version: unknown = (document as { apiVersion?: unknown } | null)?.apiVersion;
  if (version !== REPORT_API_VERSION) {
    throw invalid(source, `apiVersion: expected ${REPORT_API_VERSION}, got ${JSON.stringify(version) ?? 'nothing'}`);
  }
  const isReport = new Ajv2020().compile<Report>(require('../../schema/report.schema.json') as object);
  if (isReport(document)) return document;
  const [problem] = isReport.errors ?? [];
  throw invalid(source, `${problem?.instancePath || '/'}: ${problem?.message ?? 'not as the schema says'}`);
}

function invalid(source: string, what: string, cause?: unknown): OverlayError {
  return new OverlayError('OVERLAY_REPORT_INVALID', `${source}: ${what}; expected a conformance report`, { cause });
}
