'use strict';

const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

/**
 * Jest's environment for Node, in which V8 parses a file once per worker: Jest gives every spec file modules of its own
 * and had the whole of Nest parsed anew for each, a third of the suite's processor time. The data goes with the exact
 * source that it was made of; V8 checks it once more and parses where it does not fit.
 */
const entries = new Map();

function cachedDataOf(name, source) {
  const entry = entries.get(name);
  return entry?.source === source ? entry.data : undefined;
}

function cacheCommonJs() {
  const { compileFunction } = vm;
  vm.compileFunction = (source, parameters, options) => {
    const cachedData = cachedDataOf(options.filename, source);
    const compiled = compileFunction(source, parameters, { ...options, cachedData, produceCachedData: !cachedData });
    if (compiled.cachedDataProduced) entries.set(options.filename, { source, data: compiled.cachedData });
    return compiled;
  };
}

function cacheEsModules() {
  const { SourceTextModule } = vm;
  vm.SourceTextModule = class extends SourceTextModule {
    constructor(source, options) {
      const cachedData = cachedDataOf(options.identifier, source);
      super(source, { ...options, cachedData });
      if (!cachedData) entries.set(options.identifier, { source, data: this.createCachedData() });
    }
  };
}

cacheCommonJs();
cacheEsModules();

module.exports = TestEnvironment;
