'use strict';

/** The function that an identifier or `this.method` names, where the same file or class declares it. */
function ownFunction(sourceCode, node) {
  if (node.type === 'Identifier') return declaredFunction(sourceCode.getScope(node), node.name);
  if (node.type !== 'MemberExpression' || node.object.type !== 'ThisExpression' || node.computed) return undefined;
  const members = classBodyAround(node)?.body ?? [];
  return members.find(({ type, key }) => type === 'MethodDefinition' && key.name === node.property.name)?.value;
}

function declaredFunction(innermost, name) {
  for (let scope = innermost; scope; scope = scope.upper) {
    const [definition] = scope.set.get(name)?.defs ?? [];
    if (definition) return definition.type === 'FunctionName' ? definition.node : undefined;
  }
}

function classBodyAround(node) {
  for (let around = node.parent; around; around = around.parent) if (around.type === 'ClassBody') return around;
}

module.exports = { ownFunction };
