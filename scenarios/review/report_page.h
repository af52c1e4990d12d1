// The page of report_html(), in Mustache. Fonts, scripts and pictures from elsewhere: none.
#pragma once

namespace noiommu::scenarios::review {

inline constexpr const char* kPage = R"html(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Design review of no-IOMMU VFIO</title>
<style>
:root {
  color-scheme: light dark;
  --paper: #fcfcfa; --ink: #1d1f21; --soft: #62676d; --line: #d9dad6; --box: #f1f1ed;
  --good: #d6ecd9; --good-ink: #14532d; --bad: #f8d5d2; --bad-ink: #8c1d18;
  --none: #ececea; --none-ink: #74787d; --link: #1a5fb4;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --ink: #e3e4e6; --soft: #9aa0a6; --line: #34383d; --box: #1f2226;
    --good: #17381f; --good-ink: #a5dfb3; --bad: #4a1a18; --bad-ink: #ffb4ab;
    --none: #24272b; --none-ink: #8b9096; --link: #8ab4f8;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 78rem; background: var(--paper);
       color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .6rem; border-bottom: 1px solid var(--line);
     padding-bottom: .3rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .2rem; }
p { margin: .3rem 0 .7rem; }
a { color: var(--link); text-decoration: none; }
a:hover { text-decoration: underline; }
.soft { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .86rem; }
th, td { border: 1px solid var(--line); padding: .3rem .55rem; text-align: left;
         vertical-align: top; }
thead th { background: var(--box); font-weight: 600; }
tbody th { font-weight: 600; white-space: nowrap; }
td.cell { text-align: center; white-space: nowrap; }
td.cell a { color: inherit; }
.holds, .there { background: var(--good); color: var(--good-ink); }
.violated, .broken { background: var(--bad); color: var(--bad-ink); font-weight: 600; }
.not-applicable, .absent { background: var(--none); color: var(--none-ink); }
.map thead th { font-size: .78rem; max-width: 7rem; }
.map td.config { font: 12px/1.45 ui-monospace, monospace; min-width: 17rem; }
.map td.count { text-align: right; }
pre { margin: .4rem 0 .8rem; padding: .6rem .8rem; overflow-x: auto; background: var(--box);
      border: 1px solid var(--line); border-radius: 4px; font: 12.5px/1.5 ui-monospace, monospace; }
code { font: 12.5px ui-monospace, monospace; }
details { margin: .2rem 0 .8rem; }
summary { cursor: pointer; color: var(--soft); font-size: .86rem; }
article { border-left: 3px solid var(--bad-ink); padding: 0 0 .2rem .9rem; margin: 0 0 1.4rem; }
article.held { border-color: var(--good-ink); }
.graph svg { max-width: 100%; height: auto; }
.graph svg text { fill: var(--ink); }
.graph svg polygon, .graph svg path { stroke: var(--soft); }
.graph svg .graph > polygon { fill: none; stroke: none; }
.graph svg .edge polygon { fill: var(--soft); }
ul { margin: .2rem 0 .8rem; padding-left: 1.3rem; }
.gone::marker { content: "− "; } .new::marker { content: "+ "; }
</style>
</head>
<body>
<h1>Design review of no-IOMMU VFIO</h1>
<p class="soft">What each revision allows, and the shortest way to show it. Every call listing was
run on a model of that kernel.</p>

<h2>Properties</h2>
<div class="scroll"><table>
<thead><tr><th>property</th>{{#revisions}}<th><a href="#map-{{name}}">{{name}}</a></th>{{/revisions}}<th>what is demanded, and where</th></tr></thead>
<tbody>
{{#matrix}}<tr><th>{{property}}</th>{{#cells}}<td class="cell {{verdict}}">{{#violated}}<a href="#{{anchor}}">{{verdict}}</a>{{/violated}}{{^violated}}<span title="{{why}}">{{verdict}}</span>{{/violated}}</td>{{/cells}}<td>{{demand}} <span class="soft">{{source}}</span></td></tr>
{{/matrix}}</tbody>
</table></div>

<h2>Violations</h2>
{{#violations}}<h3 id="{{anchor}}">{{revision}}: {{property}}</h3>
<p>{{demand}} <span class="soft">{{source}}</span></p>
{{#counterexamples}}<article>
<p><strong>{{what}}</strong></p>
{{#has_config}}<p>Smallest configuration{{#several}} of {{configurations}}{{/several}}: <code>{{config}}</code></p>{{/has_config}}
{{#has_nodes}}{{#elsewhere}}<p class="soft">Drawn for <code>{{nodes_config}}</code></p>{{/elsewhere}}<pre>{{#nodes}}{{.}}
{{/nodes}}</pre>{{/has_nodes}}
{{#has_sequence}}<pre>{{#sequence}}{{.}}
{{/sequence}}</pre>{{/has_sequence}}
{{#has_scenario}}<details><summary>the scenario that replays it</summary><pre>{{scenario}}</pre></details>{{/has_scenario}}
</article>
{{/counterexamples}}{{/violations}}
{{^violations}}<p>None.</p>{{/violations}}

{{#has_held}}<h2>What was searched in vain</h2>
<ul>{{#held}}<li>{{revision}}: {{property}}: no violation up to depth {{depth}}, {{states}} states</li>
{{/held}}</ul>{{/has_held}}

{{#has_pairs}}<h2>From revision to revision</h2>
{{#pairs}}<h3>{{from}} → {{to}}</h3>
<ul>{{#changes}}<li>{{property}}: {{before}} → {{after}}
<ul>{{#gone}}<li class="gone">{{.}}</li>{{/gone}}{{#fresh}}<li class="new">{{.}}</li>{{/fresh}}</ul></li>
{{/changes}}</ul>
{{/pairs}}{{/has_pairs}}

<h2>Kernels</h2>
<p>Configurations that make the same kernel share a row. One device without an IOMMU is bound, and
the module parameter is set. The columns without RAWIO show how an open without CAP_SYS_RAWIO ends.</p>
{{#revisions}}<h3 id="map-{{name}}">{{name}} <span class="soft">{{about}}</span></h3>
{{#has_rows}}<div class="scroll"><table class="map">
<thead><tr><th>smallest configuration</th><th>how many</th>{{#columns}}<th>{{.}}</th>{{/columns}}</tr></thead>
<tbody>
{{#rows}}<tr><td class="config">{{config}}</td><td class="count">{{configurations}}</td>{{#cells}}<td class="cell {{state}}">{{text}}</td>{{/cells}}</tr>
{{/rows}}</tbody>
</table></div>{{/has_rows}}
{{^has_rows}}<p class="soft">A Kconfig text without code of its own.</p>{{/has_rows}}
{{#has_graph}}<details open><summary>what the options depend on; bold: selects, dotted: defaults</summary><div class="graph">{{{graph}}}</div></details>{{/has_graph}}
{{/revisions}}
</body>
</html>
)html";

}  // namespace noiommu::scenarios::review
