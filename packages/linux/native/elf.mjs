// What an ELF file says of itself (System V gABI; the symbol versions as in the Linux Standard Base). Only 64-bit
// little-endian files are read: both processors that addons are made for have those.

const MACHINES = { 0x3e: 'x86-64', 0xb7: 'AArch64' };
const KINDS = { 2: 'program', 3: 'shared object' };
const SHT_GNU_VERNEED = 0x6ffffffe;

/**
 * @param {Buffer} file
 * @returns {{ machine: string, kind: string, glibc: string[] }} `glibc`: each version of glibc that a symbol is asked of
 */
export function elfFacts(file) {
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) {
    return { machine: 'none', kind: 'not a 64-bit little-endian ELF file', glibc: [] };
  }
  const machine = MACHINES[file.readUInt16LE(18)] ?? `machine ${file.readUInt16LE(18)}`;
  const kind = KINDS[file.readUInt16LE(16)] ?? `ELF type ${file.readUInt16LE(16)}`;
  const sections = Number(file.readBigUInt64LE(40));
  const size = file.readUInt16LE(58);
  const section = (index) => {
    const at = sections + index * size;
    const number = (offset) => Number(file.readBigUInt64LE(at + offset));
    return { type: file.readUInt32LE(at + 4), start: number(24), link: file.readUInt32LE(at + 40) };
  };
  const versions = new Set();
  for (let index = 0; index < file.readUInt16LE(60); index += 1) {
    const { type, start, link } = section(index);
    if (type === SHT_GNU_VERNEED)
      for (const name of neededVersions(file, start, section(link).start)) versions.add(name);
  }
  const glibc = [...versions].filter((name) => /^GLIBC_\d/.test(name)).map((name) => name.slice('GLIBC_'.length));
  return { machine, kind, glibc: glibc.sort(compareVersions) };
}

/** The names in a section of needed versions: a list of files, each with a list of versions, linked by distances. */
function* neededVersions(file, start, strings) {
  const text = (offset) => file.toString('latin1', strings + offset, file.indexOf(0, strings + offset));
  for (let need = start, next = -1; next !== 0; need += next) {
    let version = need + file.readUInt32LE(need + 8);
    for (let count = file.readUInt16LE(need + 2); count > 0; count -= 1) {
      yield text(file.readUInt32LE(version + 8));
      version += file.readUInt32LE(version + 12);
    }
    next = file.readUInt32LE(need + 12);
  }
}

function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Those of the versions that are younger than the floor. */
export function glibcOver(versions, floor) {
  return versions.filter((version) => compareVersions(version, floor) > 0);
}
