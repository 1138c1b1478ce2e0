import { OverlayError } from '@overlay/core';

/** Who made what is tested. Stands in the report as given. */
export interface Implementation {
  /** Who makes it: a company, a project, a person. */
  readonly organization: string;
  /** Its name: `overlay vxlan`. */
  readonly project: string;
  /** Where it can be found, if there is such a page. */
  readonly url?: string;
  /** What was tested: a released version, or a commit; not a branch, which is another one tomorrow. */
  readonly version: string;
  /** Whom to ask: mail addresses, handles, pages. */
  readonly contact: readonly string[];
}

const TEXTS = ['organization', 'project', 'version'] as const;
const BRANCHES = ['main', 'master', 'latest', 'next', 'head', 'trunk'];

/**
 * Checks what a report is to say of an implementation, before anything runs.
 *
 * @throws OverlayError `OVERLAY_IMPLEMENTATION_INVALID` naming the member that is wrong.
 */
export function checkImplementation(implementation: Implementation): Implementation {
  const wrong = (key: string, expected: string, got: unknown): OverlayError =>
    new OverlayError(
      'OVERLAY_IMPLEMENTATION_INVALID',
      `implementation.${key}: expected ${expected}, got ${JSON.stringify(got) ?? 'nothing'}`,
      { key },
    );
  for (const key of TEXTS) {
    const value: unknown = implementation[key];
    if (typeof value !== 'string' || !/^\S(?:[^\n]*\S)?$/.test(value)) throw wrong(key, 'a text of one line', value);
  }
  const { url, version, contact } = implementation;
  if (url !== undefined && (typeof url !== 'string' || !/^https?:\/\/\S+$/.test(url)))
    throw wrong('url', 'an http(s) URL', url);
  if (BRANCHES.includes(version.toLowerCase())) throw wrong('version', 'a version or a commit, not a branch', version);
  if (!Array.isArray(contact) || contact.some((each) => typeof each !== 'string' || each === '')) {
    throw wrong('contact', 'a list of texts', contact);
  }
  return implementation;
}
