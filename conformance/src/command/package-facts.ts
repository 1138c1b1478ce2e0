import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Implementation } from '../report/implementation.js';

type Person = string | { readonly name?: string; readonly email?: string; readonly url?: string };

/** What of a package.json tells who made a package. */
interface PackageJson {
  readonly name?: string;
  readonly version?: string;
  readonly author?: Person;
  readonly homepage?: string;
  readonly repository?: string | { readonly url?: string };
  readonly bugs?: string | { readonly url?: string; readonly email?: string };
}

/** What the nearest package.json above a file tells of its makers; undefined when there is none with a name. */
export function implementationOf(file: string): Implementation | undefined {
  for (let folder = path.dirname(file); ; folder = path.dirname(folder)) {
    const found = read(path.join(folder, 'package.json'));
    if (found?.name !== undefined) return fromPackage(found, found.name);
    if (folder === path.dirname(folder)) return undefined;
  }
}

function read(file: string): PackageJson | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as PackageJson;
  } catch {
    return undefined;
  }
}

function fromPackage({ version = '', author, homepage, repository, bugs }: PackageJson, name: string): Implementation {
  const { name: person, email } = personOf(author);
  const scope = /^@([^/]+)\//.exec(name)?.[1];
  const source = (typeof repository === 'string' ? repository : repository?.url) ?? '';
  const url = homepage ?? source.replace(/^git\+/, '').replace(/\.git$/, '');
  const issues = typeof bugs === 'string' ? bugs : (bugs?.url ?? bugs?.email);
  return {
    organization: person ?? scope ?? name,
    project: name,
    ...(url === '' ? {} : { url }),
    version,
    contact: [issues, email].filter((each) => each !== undefined),
  };
}

/** `Jo <jo@example.org> (https://jo.example.org)`, or an object with the same. */
function personOf(author: Person | undefined): { name?: string; email?: string } {
  if (typeof author !== 'string') return author ?? {};
  const name = author.replace(/[<(].*$/, '').trim();
  const email = /<([^>]+)>/.exec(author)?.[1];
  return { ...(name === '' ? {} : { name }), ...(email === undefined ? {} : { email }) };
}
