<p>{example.text}</p>
<form method="post" action="/run/{example.name}" class="buttons">
<button>Run {example.name}</button>
<a class="button secondary" href="/#{example.name}">All examples</a>
</form>
<pre tabindex="0" aria-label="{example.file}"><code>{source}</code></pre>
