/** A map as the bytecode declares it, `struct map_definition` of native/bpf/program/kernel.h. */
export interface MapDefinition {
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
}

/** An instruction of two words that loads the address of something which is known only when it is loaded. */
export interface Relocation {
  /** Where the instruction begins, in bytes. */
  readonly offset: number;
  /** A map, or `config`. */
  readonly symbol: string;
}

/** A program before it is loaded. */
export interface ProgramCode {
  readonly instructions: Uint8Array;
  readonly relocations: readonly Relocation[];
}

/** What a file of bytecode holds. */
export interface ObjectFile {
  /** By the name of their section. */
  readonly programs: ReadonlyMap<string, ProgramCode>;
  readonly maps: ReadonlyMap<string, MapDefinition>;
  /** Bytes of the constants. */
  readonly constantBytes: number;
}

/** Section types, symbol and relocation numbers of elf(5) and of LLVM's BPF target. */
const SHT_PROGBITS = 1;
const SHT_SYMTAB = 2;
const SHT_REL = 9;
const SHF_EXECINSTR = 4;
const R_BPF_64_64 = 1;
const EM_BPF = 247;
const SECTION_HEADER = 64;
const SYMBOL = 24;
const REL = 16;
const MAP_DEFINITION = 20;

interface Section {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
}

interface Symbol {
  readonly name: string;
  readonly section: number;
  readonly value: number;
}

/**
 * Reads relocatable ELF of 64 bits, little-endian, for BPF, as our build makes it. Throws RangeError or Error for
 * anything else: the file is our own.
 */
export function readObjectFile(bytes: Uint8Array): ObjectFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0) !== 0x7f454c46 || view.getUint16(18, true) !== EM_BPF) throw new Error('not bytecode of BPF');
  const sections = readSections(bytes, view);
  const symbols = readSymbols(bytes, view, sections);
  const programs = new Map<string, ProgramCode>();
  const maps = new Map<string, MapDefinition>();
  let constantBytes = 0;
  sections.forEach((section, index) => {
    if (section.type !== SHT_PROGBITS || section.size === 0) return;
    if (section.name === '.rodata') constantBytes = section.size;
    else if (section.name === 'maps') {
      for (const symbol of symbols.filter((each) => each.section === index && each.name !== '')) {
        if (symbol.value + MAP_DEFINITION > section.size) throw new RangeError(`map ${symbol.name} is cut off`);
        maps.set(symbol.name, readMap(view, section.offset + symbol.value));
      }
    } else if ((section.flags & SHF_EXECINSTR) !== 0) {
      const relocations = sections
        .filter((each) => each.type === SHT_REL && each.info === index)
        .flatMap((each) => readRelocations(view, each, symbols));
      const instructions = bytes.slice(section.offset, section.offset + section.size);
      programs.set(section.name, { instructions, relocations });
    }
  });
  return { programs, maps, constantBytes };
}

function readSections(bytes: Uint8Array, view: DataView): Section[] {
  const table = Number(view.getBigUint64(40, true));
  const count = view.getUint16(60, true);
  const field = (index: number, at: number): number => view.getUint32(table + index * SECTION_HEADER + at, true);
  const names = field(view.getUint16(62, true), 24);
  return Array.from({ length: count }, (_, index) => ({
    name: text(bytes, names + field(index, 0)),
    type: field(index, 4),
    flags: field(index, 8),
    offset: field(index, 24),
    size: field(index, 32),
    link: field(index, 40),
    info: field(index, 44),
  }));
}

function readSymbols(bytes: Uint8Array, view: DataView, sections: readonly Section[]): Symbol[] {
  const table = sections.find(({ type }) => type === SHT_SYMTAB);
  if (!table) throw new Error('no symbols');
  const names = sections[table.link].offset;
  return Array.from({ length: table.size / SYMBOL }, (_, index) => {
    const at = table.offset + index * SYMBOL;
    return {
      name: text(bytes, names + view.getUint32(at, true)),
      section: view.getUint16(at + 6, true),
      value: Number(view.getBigUint64(at + 8, true)),
    };
  });
}

function readRelocations(view: DataView, section: Section, symbols: readonly Symbol[]): Relocation[] {
  return Array.from({ length: section.size / REL }, (_, index) => {
    const at = section.offset + index * REL;
    const type = view.getUint32(at + 8, true);
    const symbol = symbols[view.getUint32(at + 12, true)];
    if (type !== R_BPF_64_64) throw new Error(`relocation of type ${type} to ${symbol.name}`);
    return { offset: Number(view.getBigUint64(at, true)), symbol: symbol.name };
  });
}

function readMap(view: DataView, at: number): MapDefinition {
  const field = (index: number): number => view.getUint32(at + index * 4, true);
  return { type: field(0), keySize: field(1), valueSize: field(2), maxEntries: field(3), flags: field(4) };
}

function text(bytes: Uint8Array, at: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + at, bytes.indexOf(0, at) - at).toString('latin1');
}
