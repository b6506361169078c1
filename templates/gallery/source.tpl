<extend>page
<?title?>{name}.py
<?body?>
<p>{about}</p>
<form method="post" action="/start/{name}" class="buttons">
<button>Start {name}</button>
<a href="/">All examples</a>
</form>
<pre><code>{source}</code></pre>
</extend>
