<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%230f6b66'/%3E%3Cpath d='M3 6h10v7H3zM5 3v2m6-2v2' fill='none' stroke='white' stroke-width='1.5'/%3E%3C/svg%3E">
<style>
  .bar { display: flex; flex-wrap: wrap; align-items: center; gap: .6rem 1.2rem; margin-bottom: 1.1rem; }
  .bar > :first-child { flex: 1 1 auto; margin: 0; }
  .late { color: var(--danger); }
  .done { color: var(--soft); text-decoration: line-through; }
  .typed { white-space: pre-line; }
  td.tight { white-space: nowrap; width: 1%; }
  main { overflow-wrap: anywhere; }
  tbody :is(th, td:not(.tight)) { min-width: 7rem; }
  .columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2.5rem; }
  .columns > section { min-width: 0; }
  .columns h2 { margin: 0; }
  tbody th { font-weight: 500; }
  /* On a narrow screen a row is a small card, so that its button is in sight as well. */
  @media (max-width: 36rem) {
    main :is(table, tbody, caption, tr) { display: block; overflow: visible; }
    thead tr, tbody tr { display: flex; flex-wrap: wrap; align-items: center; gap: 0 1rem; padding: .45rem .6rem; }
    tbody tr { border-bottom: 1px solid var(--line); }
    main :is(td, th, .tight) { padding: .1rem 0; border: 0; box-shadow: none; width: auto; min-width: 0; }
    tbody th { flex: 1 0 100%; order: -1; }
    td:has(button), td:last-child:has([aria-label]) { margin-left: auto; }
    td:empty { display: none; }
    thead:not(:has(a)) { position: absolute; left: -99rem; }
  }
  [role="group"] { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1rem; }
</style>
