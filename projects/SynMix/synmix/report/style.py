"""How a report looks, for desks and phones; the colours are :data:`synmix.answer.page.PALETTE`'s."""

STYLE = """
.skip { position: absolute; left: -99rem; top: 1rem; padding: .5rem; background: var(--paper); color: var(--real); }
.skip:focus { left: 1rem; }
header, main { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: clamp(1.5rem, 4.5vw, 2.2rem); line-height: 1.2; margin: 0 0 .75rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; line-height: 1.35; margin: 0 0 1rem; }
header p { color: var(--soft); max-width: 46rem; margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .85rem; }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 1.5rem; }
nav a { font-size: .85rem; color: var(--ink); text-decoration: none; background: var(--paper);
  border: 1px solid var(--line); border-radius: 1rem; padding: .15rem .7rem; }
nav a:hover, nav a:focus { border-color: var(--real); color: var(--real); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.4rem 1.5rem;
  margin: 0 0 1.25rem; scroll-margin-top: 1rem; }
section > :last-child { margin-bottom: 0; }
p { margin: 0 0 .9rem; } .dim { color: var(--soft); font-size: .9rem; } p.good, p.open { font-weight: 650; }
.scroll { margin: 0 0 1rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--soft); white-space: nowrap; }
th, td { padding: .42rem .8rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } th:last-child, td:last-child { padding-right: 0; }
.num { text-align: right; white-space: nowrap; }
.ours b { font-weight: 650; } .ours small, .state { color: var(--soft); white-space: nowrap; }
td.strip { width: 34%; min-width: 9rem; vertical-align: middle; }
td.strip svg { display: block; width: 100%; height: 20px; } .strip line { stroke: var(--line); }
.strip circle { fill: var(--real); } .strip .interval { stroke: var(--real); stroke-width: 5; stroke-opacity: .35; }
.strip path { fill: var(--paper); stroke: var(--soft); stroke-width: 1.5; }
tr.first td { border-top: 2px solid var(--line); } td[rowspan] { border-bottom: 0; }
figure { margin: 0 0 1.25rem; } figure svg { width: 100%; height: auto; display: block; }
figure.wide svg { min-width: 30rem; } figure.half { display: inline-block; width: 100%; vertical-align: top; }
@media (min-width: 50rem) { figure.half { width: calc(50% - 1rem); margin-right: .7rem; } }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .4rem; }
.claims { list-style: none; padding: 0; margin: 0 0 1rem; }
.claims > li { display: grid; grid-template-columns: 2rem minmax(0, 1fr); gap: .25rem .7rem; padding: .8rem 0;
  border-top: 1px solid var(--line); }
.claims > li:first-child { border-top: 0; padding-top: 0; }
.mark { width: 1.75rem; height: 1.75rem; border-radius: 50%; color: var(--paper); text-align: center; font-weight: 700;
  line-height: 1.75rem; }
.mark.good { background: var(--good); } .mark.bad { background: var(--bad); } .mark.open { background: var(--open); }
.mark.dim { background: var(--soft); }
.claims q { font-weight: 560; quotes: "“" "”"; } .answer { font-size: .85rem; font-weight: 600; white-space: nowrap; }
.holm { font-size: .78rem; white-space: nowrap; border: 1px solid var(--line); border-radius: .8rem; padding: 0 .5rem; }
.holm.good, .holm.bad, .holm.open { border-color: currentColor; }
.claims details { margin-top: .35rem; } .claims summary { font-size: .9rem; margin: 0; }
.evidence li { color: var(--ink); } .evidence li::marker { color: var(--soft); }
.evidence li.good::marker { color: var(--good); } .evidence li.bad::marker { color: var(--bad); }
.evidence li.open::marker { color: var(--open); }
.claims .dim { margin: .1rem 0 0; } .claims ul { margin: .35rem 0 0; padding-left: 1.1rem; font-size: .9rem; }
details summary { cursor: pointer; color: var(--real); margin-bottom: .75rem; }
details td { font-size: .82rem; } details td:first-child { word-break: break-all; min-width: 16rem; }
footer { color: var(--soft); font-size: .85rem; text-align: center; padding: .5rem 1rem 2.5rem; }
@media (max-width: 40rem) {
  header, main { padding: 0 .8rem; } header { padding-top: 1.4rem; } section { padding: 1.1rem 1rem; }
  td.strip, th.strip { display: none; } .ours small { display: block; }
  table { font-size: .88rem; } th, td { padding-right: .55rem; }
}
@media print { body { background: #fff; } section { break-inside: avoid; border: 0; padding: 0; }
  nav { display: none; } }
"""
