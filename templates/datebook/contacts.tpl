<?if form?>
<p class="notice">Whom is the appointment with? What you typed is kept.
<a href="{form}?draft={draft}">Leave it as it was</a> or
<a href="{form}?draft={draft}&amp;contact=">make it without a contact</a>.</p>
<?end?>
<div class="bar">
<form role="search" action="/contact/">
<label for="q">Search</label>
<input type="search" id="q" name="q" value="{q}" dir="auto">
<?if form?><input type="hidden" name="draft" value="{draft}"><?end?>
<button type="submit" class="secondary">Search</button>
</form>
<a href="/contact/new<?if form?>?draft={draft}<?end?>">New contact</a>
</div>
{table}
<?include pages?>
