export type { BackendConf, FamilyConf, NetConf } from './net-conf.js';
export type { ParseNetConfOptions } from './parse.js';
export { parseNetConf } from './parse.js';
export type { FormatNetConfOptions } from './format.js';
export { formatNetConf } from './format.js';
export type {
  BooleanOption,
  EnumOption,
  IntegerOption,
  OptionSpec,
  OptionType,
  OptionsReading,
  OptionsSpec,
  OptionValues,
  StringOption,
} from './options.js';
export { readOptions } from './options.js';
