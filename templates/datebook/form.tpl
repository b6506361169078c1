{fields.summary}
<form method="post" action="{action}">
{fields.rows}
<p class="buttons">
<button type="submit">Save</button>
<a href="{cancel}">Cancel</a>
<?if delete?><a href="{delete}">Delete …</a><?end?>
</p>
</form>
