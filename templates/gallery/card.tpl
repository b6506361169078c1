<li id="{example.name}">
<article>
<?if example.picture?><img style="border: 1px solid var(--line)" src="/pictures/{example.picture}" alt="" loading="lazy"><?end?>
<h3>{example.title}</h3>
<p>{example.text}</p>
<p><code>{example.file}</code></p>
<?if example.is_running?>
<form method="post" action="/stop/{example.name}" class="buttons small">
<button aria-label="Stop {example.name}">Stop</button>
<a class="button secondary" href="/source/{example.name}" aria-label="View source of {example.name}">View source</a>
<?if example.address?>
<span aria-live="polite"><span class="badge" data-mark="done">running</span> <a href="{example.address}" target="_blank">open in a tab</a></span>
<?else?>
<span aria-live="polite"><span class="badge">starting …</span></span>
<?end?>
</form>
<?else?>
<form method="post" action="/run/{example.name}" class="buttons small">
<button aria-label="Run {example.name}">Run</button>
<a class="button secondary" href="/source/{example.name}" aria-label="View source of {example.name}">View source</a>
<?if example.code?>
<span aria-live="assertive"><span class="badge" data-mark="bad">ended with code {example.code}</span> <a href="/output/{example.name}">why?</a></span>
<?end?>
</form>
<?end?>
</article>
</li>
