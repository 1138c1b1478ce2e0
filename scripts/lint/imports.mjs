// What a source file imports, in every spelling: static, type-only, re-exported, dynamic, `import()` types, require.

/**
 * A visitor that calls `found(specifier, node)` for each import of a file whose target is a literal.
 * @param {(specifier: string, node: import('estree').Node) => void} found
 */
export function importVisitor(found) {
  const literal = (source) => {
    if (source?.type === 'Literal' && typeof source.value === 'string') found(source.value, source);
  };
  const declaration = (node) => literal(node.source);
  return {
    ImportDeclaration: declaration,
    ExportNamedDeclaration: declaration,
    ExportAllDeclaration: declaration,
    ImportExpression: declaration,
    TSImportType: (node) => literal(node.source ?? node.argument?.literal),
    TSExternalModuleReference: (node) => literal(node.expression),
    'CallExpression[callee.name="require"]': (node) => literal(node.arguments[0]),
  };
}
