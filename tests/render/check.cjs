// Reads a JSON list of formulas from standard input and writes a JSON list of failures:
// {"index", "engine", "message"}. The first argument is the folder that holds node_modules.
"use strict";

const { readFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { join } = require("node:path");

const load = createRequire(join(process.argv[2], "package.json"));
const katex = load("katex");
const { mathjax } = load("mathjax-full/js/mathjax.js");
const { TeX } = load("mathjax-full/js/input/tex.js");
const { SVG } = load("mathjax-full/js/output/svg.js");
const { liteAdaptor } = load("mathjax-full/js/adaptors/liteAdaptor.js");
const { RegisterHTMLHandler } = load("mathjax-full/js/handlers/html.js");
for (const name of ["ams/AmsConfiguration", "boldsymbol/BoldsymbolConfiguration", "newcommand/NewcommandConfiguration"]) {
  load(`mathjax-full/js/input/tex/${name}.js`);
}

const adaptor = liteAdaptor();
RegisterHTMLHandler(adaptor);
// Without the package "noundefined" an unknown macro is an error and not red text.
const tex = new TeX({
  packages: ["base", "ams", "boldsymbol", "newcommand"],
  formatError: (_, error) => {
    throw error;
  },
});
const page = mathjax.document("", { InputJax: tex, OutputJax: new SVG({ fontCache: "none" }) });

const engines = {
  katex: (formula) => katex.renderToString(formula, { displayMode: true, throwOnError: true, strict: "error" }),
  mathjax: (formula) => {
    const html = adaptor.outerHTML(page.convert(formula, { display: true }));
    if (/data-mml-node="merror"|data-mjx-error/.test(html)) {
      throw new Error("merror in the output");
    }
  },
};

const failures = [];
JSON.parse(readFileSync(0, "utf-8")).forEach((formula, index) => {
  for (const [engine, renders] of Object.entries(engines)) {
    try {
      renders(formula);
    } catch (error) {
      failures.push({ index, engine, message: String(error.message) });
    }
  }
});
process.stdout.write(JSON.stringify(failures));
